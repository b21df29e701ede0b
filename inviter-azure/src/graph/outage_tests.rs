use std::time::Duration;

use tokio::time::advance;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn error(kind: GraphErrorKind) -> GraphError {
    GraphError::new(kind, "POST /$batch", "x")
}

/// Batches fail one after another; whether nothing more is sent.
async fn after(outage: &Outage, kinds: &[GraphErrorKind]) -> bool {
    for kind in kinds {
        let started = Instant::now();
        advance(SECOND).await;
        outage.failed(started, &error(*kind));
    }
    outage.error().is_some()
}

#[tokio::test(start_paused = true)]
async fn three_in_a_row_are_enough() {
    let down = GraphErrorKind::Unavailable;
    assert!(!after(&Outage::default(), &[down; 2]).await);
    assert!(after(&Outage::default(), &[down; 3]).await);
    // An answer in between begins the row anew.
    let outage = Outage::default();
    assert!(!after(&outage, &[down; 2]).await);
    outage.answered();
    assert!(!after(&outage, &[down; 2]).await);
    assert!(after(&outage, &[down]).await);
}

#[tokio::test(start_paused = true)]
async fn what_fails_while_others_are_answered_is_no_outage() {
    let outage = Outage::default();
    let started = [Instant::now(); 5];
    advance(SECOND).await;
    outage.answered();
    advance(SECOND).await;
    for started in started {
        outage.failed(started, &error(GraphErrorKind::Unavailable));
    }
    assert!(outage.error().is_none());
}

#[tokio::test(start_paused = true)]
async fn without_a_token_one_is_enough() {
    use crate::token::TokenErrorKind;
    assert!(after(&Outage::default(), &[GraphErrorKind::Unauthorized]).await);
    let none = GraphErrorKind::Token(TokenErrorKind::Unavailable);
    assert!(after(&Outage::default(), &[none]).await);
    // These say something about their batch only.
    let others = [
        GraphErrorKind::Malformed,
        GraphErrorKind::Denied,
        GraphErrorKind::Refused,
        GraphErrorKind::Throttled,
    ];
    assert!(!after(&Outage::default(), &others).await);
}
