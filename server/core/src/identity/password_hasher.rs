//! Argon2id hashes of users' passwords, computed in memory that is allocated once and reused.

use crate::error::ServerError;
use argon2::{
    ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Semaphore, time::timeout};
use zeroize::{Zeroize as _, Zeroizing};

/// Limit of concurrent hashes. Each needs a processor, and [`MEMORY`].
const MAX_CONCURRENT: usize = 2;

/// Memory of one hash, in blocks of 1 KiB: 19 MiB (OWASP's settings, with two passes).
const MEMORY: usize = Params::DEFAULT.block_count();

/// Timeout for one of the [`MAX_CONCURRENT`] permits.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// Salt of a hash without a password: a login with an unknown name takes as long as one with a known name.
const NO_SALT: [u8; Salt::RECOMMENDED_LENGTH] = [0; Salt::RECOMMENDED_LENGTH];

/// Computes up to [`MAX_CONCURRENT`] hashes at the same time, each in its own buffer.
///
/// Buffers are reused because an allocator may not return them to the system: once one was freed, glibc takes blocks of
/// this size from the arena of the calling thread, and the runtime has many threads.
pub(crate) struct PasswordHasher {
    permits: Arc<Semaphore>,
    /// Idle buffers, zeroized.
    idle: Arc<Mutex<Vec<Vec<Block>>>>,
}

impl Default for PasswordHasher {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(MAX_CONCURRENT)),
            idle: Arc::default(),
        }
    }
}

impl PasswordHasher {
    /// Returns `true` if the password matches the hash. Without a hash, the comparison takes as long and fails.
    pub(super) async fn verify(
        &self,
        password: Zeroizing<String>,
        hash: Option<String>,
    ) -> Result<bool, ServerError> {
        self.run(move |memory| verify(memory, &password, hash.as_deref()))
            .await
    }

    /// Hashes a new password with a random salt. Returns a PHC string.
    pub(super) async fn hash(&self, password: Zeroizing<String>) -> Result<String, ServerError> {
        self.run(move |memory| hash(memory, &password)).await?
    }

    /// Runs a job on a blocking thread. Errors with `BusySigningIn` if no permit is free in time. The job keeps its
    /// permit until it ends, even if the caller disconnects.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut [Block]) -> T + Send + 'static,
    ) -> Result<T, ServerError> {
        let permit = timeout(QUEUE_TIMEOUT, Arc::clone(&self.permits).acquire_owned());
        let Ok(Ok(permit)) = permit.await else {
            return Err(ServerError::BusySigningIn);
        };
        let idle = Arc::clone(&self.idle);
        let done = tokio::task::spawn_blocking(move || {
            let buffer = idle.lock().pop();
            let mut buffer = buffer.unwrap_or_else(|| vec![Block::new(); MEMORY]);
            let result = work(&mut buffer);
            buffer.iter_mut().for_each(Block::zeroize);
            idle.lock().push(buffer);
            drop(permit);
            result
        });
        done.await.map_err(|error| failed(&error))
    }
}

fn failed(error: &dyn ToString) -> ServerError {
    ServerError::Credentials(error.to_string())
}

fn hash(memory: &mut [Block], password: &str) -> Result<String, ServerError> {
    let mut salt = [0; Salt::RECOMMENDED_LENGTH];
    getrandom::fill(&mut salt).map_err(|error| failed(&error))?;
    let params = Params::DEFAULT;
    let output = compute(memory, &params, password, &salt)?;
    let hash = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::default().into()),
        params: ParamsString::try_from(&params).map_err(|error| failed(&error))?,
        salt: Some(Salt::new(&salt).map_err(|error| failed(&error))?),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

fn verify(memory: &mut [Block], password: &str, hash: Option<&str>) -> bool {
    let hash = hash.and_then(|hash| PasswordHash::new(hash).ok());
    let parts = hash.and_then(|hash| Some((Params::try_from(&hash).ok()?, hash.salt?, hash.hash?)));
    match parts {
        Some((params, salt, expected)) => {
            // The comparison of outputs is constant-time.
            compute(memory, &params, password, &salt).is_ok_and(|output| output == expected)
        }
        None => {
            let _ = compute(memory, &Params::DEFAULT, password, &NO_SALT);
            false
        }
    }
}

/// Errors if the parameters need more memory than the buffer has. No hash of this server does.
fn compute(
    memory: &mut [Block],
    params: &Params,
    password: &str,
    salt: &[u8],
) -> Result<Output, ServerError> {
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::default(), params.clone());
    let mut output = Zeroizing::new(vec![0; length]);
    argon2
        .hash_password_into_with_memory(password.as_bytes(), salt, &mut output, &mut *memory)
        .map_err(|error| failed(&error))?;
    Output::new(&output).map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_told_from_others_by_its_hash() {
        let hasher = PasswordHasher::default();
        let password = "correct horse battery";
        let kept = hasher.hash(text(password)).await.unwrap();
        assert!(
            kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{kept}"
        );
        let again = hasher.hash(text(password)).await.unwrap();
        assert_ne!(kept, again, "salted");
        for (typed, hash, is_right) in [
            (password, Some(kept.clone()), true),
            ("correct horse", Some(kept), false),
            (password, None, false),
            ("", Some(String::new()), false),
        ] {
            let verified = hasher.verify(text(typed), hash).await.unwrap();
            assert_eq!(verified, is_right, "{typed}");
        }
    }

    #[tokio::test]
    async fn a_hash_that_the_library_made_by_itself_is_verified() {
        use argon2::PasswordHasher as _;
        let made = Argon2::default().hash_password(b"correct horse").unwrap();
        let hasher = PasswordHasher::default();
        let verified = hasher.verify(text("correct horse"), Some(made.to_string()));
        assert!(verified.await.unwrap());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn any_number_of_hashes_uses_two_buffers_which_are_wiped() {
        let hasher = Arc::new(PasswordHasher::default());
        let tries = (0..6).map(|number| {
            let hasher = Arc::clone(&hasher);
            tokio::spawn(async move { hasher.verify(text(&number.to_string()), None).await })
        });
        for tried in tries.collect::<Vec<_>>() {
            assert!(!tried.await.unwrap().unwrap());
        }
        let idle = hasher.idle.lock();
        assert!((1..=MAX_CONCURRENT).contains(&idle.len()), "{}", idle.len());
        let is_zero = |block: &Block| block.as_ref().iter().all(|word| *word == 0);
        assert!(idle.iter().flatten().all(is_zero));
    }
}
