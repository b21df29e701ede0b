//! Runs work that blocks (files, SQLite) without holding up a runtime.

/// Runs `work` on tokio's threads for blocking work, or right here where there is no tokio runtime: the parts that
/// use this work under any executor.
pub(crate) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match tokio::runtime::Handle::try_current() {
        // An error here means that the work panicked or the runtime is going down.
        Ok(runtime) => runtime.spawn_blocking(work).await.ok(),
        Err(_) => Some(work()),
    }
}
