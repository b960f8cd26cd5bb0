//! The exported functions of an instance. wasmtime compares a function's types with the contract's anew in each
//! instance, which takes as long as a call. So only the called function is compared; loading has compared all of them.

use super::{
    Function,
    context::Secret,
    contract::*,
    imports::HostState,
    interface::{INTERFACE_NAME, PLUGIN_INTERFACE_NAME},
};
use wasmtime::{
    Store,
    component::{
        Component, ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower, Resource,
        TypedFunc,
    },
};

/// The indices of the functions in a component.
pub(super) struct ExportIndices {
    functions: [ComponentExportIndex; Function::ALL.len()],
    describe: ComponentExportIndex,
    check_settings: ComponentExportIndex,
}

impl ExportIndices {
    /// Finds the functions of this version of the contract in a component. Returns `None` if one is missing.
    pub(super) fn find(component: &Component, version: &str) -> Option<Self> {
        let index = |interface: &str| component.get_export_index(None, interface);
        let interface = index(&format!("{INTERFACE_NAME}{version}"))?;
        let mut functions = [interface; Function::ALL.len()];
        for (place, function) in functions.iter_mut().zip(Function::ALL) {
            *place = component.get_export_index(Some(&interface), function.as_str())?;
        }
        let plugin = index(&format!("{PLUGIN_INTERFACE_NAME}{version}"))?;
        let of_plugin = |name: &str| component.get_export_index(Some(&plugin), name);
        Some(Self {
            functions,
            describe: of_plugin("describe")?,
            check_settings: of_plugin("check-settings")?,
        })
    }
}

/// A function of an instance, with its parameters and what it returns.
pub(super) struct Export<P, R> {
    place: ComponentExportIndex,
    /// Set by the first call.
    function: Option<TypedFunc<P, (R,)>>,
}

impl<P, R> Export<P, R>
where
    P: ComponentNamedList + Lower,
    R: Lift + 'static,
{
    fn new(indices: &ExportIndices, function: Function) -> Self {
        Self::at(indices.functions[function as usize])
    }

    fn at(place: ComponentExportIndex) -> Self {
        Self {
            place,
            function: None,
        }
    }

    /// Calls it.
    pub(super) fn call(
        &mut self,
        instance: &Instance,
        store: &mut Store<HostState>,
        parameters: P,
    ) -> wasmtime::Result<R> {
        let function = match self.function {
            Some(known) => known,
            None => *self
                .function
                .insert(instance.get_typed_func(&mut *store, self.place)?),
        };
        let (returned,) = function.call(store, parameters)?;
        Ok(returned)
    }
}

/// The parameters of a preview.
type PreviewArgs = (Action, Option<Resource<Secret>>, Request);

/// The result of a check of settings.
type Checked = Result<(), Vec<SettingsFault>>;

/// The functions of an instance.
pub(super) struct Exports {
    pub(super) reset: Export<(Resource<Secret>, Request), Result<CommandId, Refusal>>,
    pub(super) remove: Export<(Request,), Result<CommandId, Refusal>>,
    pub(super) preview: Export<PreviewArgs, DevicePreview>,
    pub(super) status: Export<(), DeviceStatus>,
    pub(super) policy_override: Export<(), PolicyState>,
    pub(super) report: Export<(Command, DeviceOutcome), Result<ReportEffect, Refusal>>,
    pub(super) cancel: Export<(Command,), Result<(), Refusal>>,
    pub(super) expire: Export<(Command,), Result<(), Refusal>>,
    pub(super) describe: Export<(), PluginDescription>,
    pub(super) check_settings: Export<(String,), Checked>,
}

impl Exports {
    pub(super) fn new(indices: &ExportIndices) -> Self {
        Self {
            reset: Export::new(indices, Function::Reset),
            remove: Export::new(indices, Function::Remove),
            preview: Export::new(indices, Function::Preview),
            status: Export::new(indices, Function::Status),
            policy_override: Export::new(indices, Function::PolicyOverride),
            report: Export::new(indices, Function::Report),
            cancel: Export::new(indices, Function::Cancel),
            expire: Export::new(indices, Function::Expire),
            describe: Export::at(indices.describe),
            check_settings: Export::at(indices.check_settings),
        }
    }
}
