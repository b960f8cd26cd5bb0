use crate::fleet;
