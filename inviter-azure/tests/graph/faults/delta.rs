//! Things go wrong while what changed is read.

use super::{
    full::{everywhere, recovered, world_for},
    place::{Expected, Place, kind},
    town::change,
    trouble::{Case, Effect},
};

fn expected(place: Place, case: &Case) -> Expected {
    let mut expected = place.expected(case);
    let whole_batch = case.is_of_connection() && case.effect != Effect::Passes;
    if place.is_delta() {
        expected.words = Vec::new();
        expected.error = match case.effect {
            // Every request would end like this.
            Effect::Unauthorized => Some(kind(case.effect)),
            Effect::Unavailable if case.is_of_connection() => Some(kind(case.effect)),
            // Whatever is not told as changed is read.
            _ => None,
        };
    } else if case.effect != Effect::Passes && (place == Place::Batch || place == Place::User || whole_batch)
    {
        // What was known before stays known. What else is asked for in the same batch depends on what was told.
        expected.error = None;
        expected.any = true;
    }
    expected
}

async fn harmed(place: Place, case: Case) -> Vec<String> {
    let world = world_for(&case).await;
    world.assert_true(&world.read().await, "before");
    world.emulator.change(change);
    let fault = world.emulator.fault(place.fault(&case));
    let answer = world.try_read().await;
    let mut wrong = expected(place, &case).differences(&answer, &world.truth());
    if fault.hits() == 0 {
        wrong.push("nothing has happened".to_owned());
    }
    world.emulator.clear_faults();
    wrong.extend(recovered(&world, &case).await);
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_wherever() {
    let places = [
        Place::Batch,
        Place::UsersDelta,
        Place::UsersDeltaLater,
        Place::GroupsDelta,
        Place::GroupsDeltaLater,
        Place::User,
        Place::NewMembers,
        Place::NewOwners,
        Place::LateMembers,
        Place::InnerMembers,
    ];
    everywhere(&places, harmed).await;
}
