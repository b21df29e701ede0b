//! What became of a saved plan, as JSON.

use inviter::core::{
    finding::Finding,
    saved_plan::{Difference, RoomComparison, SavedAction, Standing},
};
use serde_json::{Value, json};

use super::Applied;
use crate::answer::Answer as _;

/// The document of a run with what has become of the plan.
pub(super) fn document(applied: &Applied) -> Value {
    let mut document = match &applied.synced {
        Some(synced) => synced.json(),
        None => json!({}),
    };
    if let Some(counts) = document.get_mut("counts").and_then(Value::as_object_mut) {
        counts.insert("not_sent".to_owned(), applied.not_sent().into());
    }
    if let Some(object) = document.as_object_mut() {
        let rooms = applied.comparison.rooms.iter().map(compared);
        let others = applied.comparison.not_in_file.iter().map(ToString::to_string);
        object.insert("refused".to_owned(), applied.synced.is_none().into());
        object.insert(
            "plan".to_owned(),
            json!({
                "planned": applied.planned,
                "program": applied.program,
                "rooms": rooms.collect::<Vec<_>>(),
                "skipped": applied.skipped(),
                "in_part": applied.in_part(),
                "not_in_plan": others.collect::<Vec<_>>(),
            }),
        );
    }
    document
}

fn compared(room: &RoomComparison) -> Value {
    let nothing: (&[Finding], Option<&Difference>) = (&[], None);
    let (standing, (because, difference)) = match &room.standing {
        Standing::Same => ("same", nothing),
        Standing::Rest(rest) => ("rest", (&*rest.because, None)),
        Standing::Settled => ("settled", nothing),
        Standing::PutOff(because) => ("put_off", (&**because, None)),
        Standing::Changed(difference) => ("changed", (&[][..], Some(&**difference))),
        Standing::Gone => ("gone", nothing),
        _ => ("unknown", nothing),
    };
    let actions = |of: fn(&Difference) -> &Vec<SavedAction>| difference.map(|some| json!(of(some)));
    let over = match &room.standing {
        Standing::Rest(rest) => Some(json!(rest.over)),
        _ => actions(|some| &some.only_in_file),
    };
    let unread = match &room.standing {
        Standing::Unknown(unread) => Some(json!(unread)),
        _ => None,
    };
    let because = because
        .iter()
        .map(|finding| json!({ "kind": finding.kind, "message": finding.message }));
    json!({
        "room": room.room.to_string(),
        "standing": standing,
        "because": because.collect::<Vec<_>>(),
        "unread": unread,
        "only_in_file": over,
        "only_now": actions(|some| &some.only_now),
        "held_no_more": actions(|some| &some.held_no_more),
        "other_room": difference.and_then(|some| some.other_room.clone()),
    })
}
