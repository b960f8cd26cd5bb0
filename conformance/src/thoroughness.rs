//! How thorough a check is.

/// How thorough a check is.
#[derive(Clone, Debug)]
pub struct Thoroughness {
    /// What the random sequences are made from: the same seed makes the same sequences.
    pub seed: u64,
    /// How many sequences. They are run whether or not a case has failed, and end with the first that
    /// goes wrong.
    pub sequences: u32,
    /// Whether a sequence that went wrong is shrunk to a short one, for people to read. It takes up to
    /// 20 s, and changes no verdict.
    pub shrink: bool,
    /// Groups of the deployment's devices. Every case is run again for a device in all of them, and the sequences are
    /// about such a device: of groups that it is not told, the kit knows nothing.
    pub groups: Vec<String>,
}
