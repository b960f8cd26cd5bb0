//! The rules of the feature through the component: the service, the reference plugin and a store on
//! disk, without the programs around them.

mod fleet;
mod plugins;
mod rules;
mod store;
