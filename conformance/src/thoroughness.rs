//! The thoroughness of a check.

/// The thoroughness of a check.
#[derive(Clone, Debug)]
pub struct Thoroughness {
    /// The seed of the random sequences: the same seed makes the same sequences.
    pub seed: u64,
    /// The number of sequences. They run even if a case has failed, and end with the first that fails.
    pub sequences: u32,
    /// Shrink a failed sequence to a short one, for people to read. That takes up to 20 s and changes no verdict.
    pub shrink: bool,
    /// Groups of the deployment. Every case is run again for a device in all of them, and the sequences use such a
    /// device: a plugin may treat groups differently, and the kit can't know their names.
    pub groups: Vec<String>,
}
