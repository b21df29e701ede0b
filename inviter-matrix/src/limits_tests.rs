//! Tests of the pauses, on a clock that stands still.

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// Longer than anybody waits.
const LONG: Duration = Duration::from_secs(300);

fn limits() -> Limits {
    Limits::new(2 * MINUTE)
}

fn invite(room: &str, who: &str) -> Work {
    Work::invite(room, who)
}

#[tokio::test(start_paused = true)]
async fn one_refusal_pauses_only_itself() {
    let limits = limits();
    limits.refused(&invite("!a", "@x"), Some(MINUTE));
    assert!(limits.pause(&invite("!a", "@x")).unwrap().rest >= MINUTE);
    assert_eq!(limits.pause(&invite("!a", "@y")), None);
    assert_eq!(limits.pause(&invite("!b", "@x")), None);
    assert_eq!(limits.pause(&Work::in_room(Class::Send, "!a")), None);
    tokio::time::advance(MINUTE + Duration::from_secs(1)).await;
    assert_eq!(limits.pause(&invite("!a", "@x")), None);
}

#[tokio::test(start_paused = true)]
async fn two_invitees_of_one_room_pause_the_room() {
    let limits = limits();
    limits.refused(&invite("!a", "@x"), Some(MINUTE));
    limits.refused(&invite("!a", "@y"), Some(MINUTE));
    assert!(limits.pause(&invite("!a", "@z")).is_some());
    assert_eq!(limits.pause(&invite("!b", "@z")), None);
    assert_eq!(limits.pause(&invite("!b", "@x")), None);
}

#[tokio::test(start_paused = true)]
async fn two_rooms_of_one_invitee_pause_the_invitee() {
    let limits = limits();
    limits.refused(&invite("!a", "@x"), Some(MINUTE));
    limits.refused(&invite("!b", "@x"), Some(MINUTE));
    assert!(limits.pause(&invite("!c", "@x")).is_some());
    assert_eq!(limits.pause(&invite("!a", "@z")), None);
}

#[tokio::test(start_paused = true)]
async fn different_rooms_and_invitees_pause_the_account() {
    let limits = limits();
    limits.refused(&invite("!a", "@x"), Some(MINUTE));
    limits.refused(&invite("!b", "@y"), Some(MINUTE));
    assert!(limits.pause(&invite("!c", "@z")).is_some());
    // Other work goes on.
    assert_eq!(limits.pause(&Work::in_room(Class::Send, "!c")), None);
    assert_eq!(limits.pause(&Work::of(Class::Read)), None);
}

#[tokio::test(start_paused = true)]
async fn the_account_pauses_no_longer_than_both_were_told() {
    let short = Duration::from_secs(3);
    // One person may not be invited for a minute, and the account not for seconds; in either order.
    for times in [[short, MINUTE, short], [MINUTE, short, short]] {
        let limits = limits();
        for (who, wait) in ["x", "y", "z"].into_iter().zip(times) {
            limits.refused(&invite(&format!("!{who}"), &format!("@{who}")), Some(wait));
        }
        let pause = limits.pause(&invite("!c", "@c")).unwrap();
        assert!(pause.rest >= short && pause.rest < MINUTE, "{times:?}: {pause:?}");
        assert_eq!(pause.scope, Scope::Account);
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_takes_the_suspicion_away() {
    let limits = limits();
    limits.refused(&invite("!a", "@x"), Some(MINUTE));
    limits.passed(&invite("!a", "@y"));
    limits.refused(&invite("!a", "@z"), Some(MINUTE));
    assert_eq!(
        limits.pause(&invite("!a", "@w")),
        None,
        "the room let @y through in between"
    );
    assert!(limits.pause(&invite("!a", "@x")).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_success_elsewhere_clears_the_account() {
    let limits = limits();
    limits.refused(&invite("!a", "@x"), Some(MINUTE));
    limits.passed(&invite("!b", "@y"));
    limits.refused(&invite("!c", "@z"), Some(MINUTE));
    assert_eq!(limits.pause(&invite("!d", "@w")), None);
}

#[tokio::test(start_paused = true)]
async fn a_limiter_that_was_met_before_is_known() {
    let limits = limits();
    let short = Duration::from_secs(3);
    limits.refused(&invite("!a", "@x"), Some(short));
    limits.refused(&invite("!a", "@y"), Some(short));
    tokio::time::advance(MINUTE).await;
    limits.passed(&invite("!a", "@x"));
    limits.refused(&invite("!a", "@y"), Some(short));
    assert!(limits.pause(&invite("!a", "@z")).is_some());
    tokio::time::advance(MINUTE).await;
    // Much longer than the room's: the invitee's.
    limits.refused(&invite("!a", "@y"), Some(10 * MINUTE));
    assert_eq!(limits.pause(&invite("!a", "@z")), None);
}

#[tokio::test(start_paused = true)]
async fn sends_of_two_rooms_pause_all_sends() {
    let limits = limits();
    limits.refused(&Work::in_room(Class::Send, "!a"), Some(MINUTE));
    assert_eq!(limits.pause(&Work::in_room(Class::Send, "!b")), None);
    limits.refused(&Work::in_room(Class::Send, "!b"), Some(MINUTE));
    assert!(limits.pause(&Work::in_room(Class::Send, "!c")).is_some());
    assert_eq!(limits.pause(&Work::of(Class::Create)), None);
}

#[tokio::test(start_paused = true)]
async fn the_longest_wait_of_each_kind_is_known() {
    let limits = limits();
    assert!(limits.met().is_empty());
    for wait in [MINUTE, Duration::from_secs(3)] {
        limits.refused(&invite("!a", "@x"), Some(wait));
    }
    limits.refused(&Work::of(Class::Create), Some(Duration::from_millis(3300)));
    limits.refused(&Work::of(Class::LogIn), Some(MINUTE));
    limits.passed(&invite("!a", "@x"));
    let expected = [
        (LimitKind::Creations, Duration::from_millis(3300)),
        (LimitKind::Invitations, MINUTE),
    ];
    assert_eq!(limits.met().into_iter().collect::<Vec<_>>(), expected);
    assert!(limits.met().is_empty(), "told once");
}

#[tokio::test(start_paused = true)]
async fn without_a_word_from_the_server_the_pause_doubles() {
    let limits = limits();
    let work = Work::of(Class::Create);
    let pauses: Vec<_> = (0..3).map(|_| limits.refused(&work, None).as_secs()).collect();
    assert!(pauses[0] >= 1 && pauses[1] >= 2 && pauses[2] >= 4, "{pauses:?}");
    limits.passed(&work);
    assert!(limits.refused(&work, Some(Duration::ZERO)).as_secs() < 2);
}

/// Two people of two rooms whose own limits were met, told about the same time, with the account's known or not.
#[tokio::test(start_paused = true)]
async fn long_waits_of_two_people_put_nobody_else_off() {
    for known in [false, true] {
        let limits = limits();
        if known {
            limits.refused(&invite("!k", "@k"), Some(3 * SECOND));
            limits.refused(&invite("!l", "@l"), Some(3 * SECOND));
            tokio::time::advance(4 * SECOND).await;
            limits.passed(&invite("!k", "@k"));
            assert!(limits.is_tight(Class::Invite));
        }
        limits.refused(&invite("!a", "@x"), Some(LONG));
        limits.refused(&invite("!b", "@y"), Some(LONG));
        let (third, fourth) = (invite("!c", "@z"), invite("!d", "@w"));
        let pause = limits.pause(&third).unwrap();
        assert!(pause.rest < 5 * SECOND, "{pause:?}");
        tokio::time::advance(5 * SECOND).await;
        // One of them tries.
        assert!(limits.enter(&third));
        assert!(!limits.enter(&fourth));
        limits.passed(&third);
        tokio::time::advance(4 * SECOND).await;
        assert!(limits.enter(&fourth));
        for work in [invite("!a", "@x"), invite("!b", "@y")] {
            let pause = limits.pause(&work).unwrap();
            assert!(pause.rest > 2 * MINUTE && pause.scope == Scope::This, "{pause:?}");
            assert!(
                pause.message().contains("before this is tried again"),
                "{}",
                pause.message()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn long_waits_of_two_people_of_a_room_do_not_close_it() {
    let limits = limits();
    limits.refused(&invite("!a", "@x"), Some(LONG));
    limits.refused(&invite("!a", "@y"), Some(LONG));
    assert!(limits.pause(&invite("!a", "@z")).unwrap().rest <= SECOND);
    assert_eq!(limits.pause(&invite("!b", "@z")), None);
    tokio::time::advance(SECOND).await;
    assert!(limits.enter(&invite("!a", "@z")));
    limits.passed(&invite("!a", "@z"));
    assert!(limits.enter(&invite("!a", "@w")));
}

/// What is closed for long is tried ever less often, and what is put off then is told what is so for it.
#[tokio::test(start_paused = true)]
async fn what_stays_closed_is_put_off_and_tried_every_minute() {
    type Nth<'a> = &'a dyn Fn(usize) -> Work;
    let one_room = |n: usize| invite("!a", &format!("@{n}"));
    let all_rooms = |n: usize| invite(&format!("!{n}"), &format!("@{n}"));
    let joins = |n: usize| Work::in_room(Class::Join, format!("!{n}"));
    let cases: [(Nth<'_>, Scope, &str); 3] = [
        (
            &one_room,
            Scope::Room,
            "lets nobody be invited into this room for ",
        ),
        (&all_rooms, Scope::Account, "lets this account invite nobody for "),
        (&joins, Scope::Account, "lets this account join no room for "),
    ];
    for (work, scope, words) in cases {
        let limits = limits();
        let end = Instant::now() + 2 * LONG;
        let mut rests = Vec::new();
        for n in 0..ENOUGH {
            if let Some(pause) = limits.pause(&work(n)) {
                rests.push(pause.rest.as_secs());
                tokio::time::advance(pause.rest).await;
            }
            assert!(limits.enter(&work(n)), "{n}");
            limits.refused(&work(n), Some(end - Instant::now()));
        }
        assert_eq!(rests, [1, 2, 4, 8, 16]);
        let pause = limits.pause(&work(100)).unwrap();
        assert!(pause.rest > LONG && pause.scope == scope, "{pause:?}");
        assert!(pause.message().contains(words), "{}", pause.message());
        tokio::time::advance(PROBE).await;
        assert!(limits.enter(&work(100)));
        assert!(!limits.enter(&work(101)));
        limits.passed(&work(100));
        assert!(limits.enter(&work(101)));
    }
}

/// After the first refusals nobody runs into the account's limit again, and nobody is put off.
#[tokio::test(start_paused = true)]
async fn the_pace_of_the_account_is_kept() {
    let limits = limits();
    let work = |n: usize| invite(&format!("!{n}"), &format!("@{n}"));
    let step = Duration::from_millis(3300);
    limits.refused(&work(0), Some(step));
    limits.refused(&work(1), Some(step));
    let mut opens = Instant::now() + step;
    for n in 0..60 {
        while let Some(pause) = limits.pause(&work(n)) {
            assert!(pause.rest < 2 * step, "{pause:?}");
            tokio::time::advance(pause.rest).await;
        }
        assert!(limits.enter(&work(n)));
        assert!(Instant::now() >= opens, "{n} would be refused");
        let late = Instant::now() - opens;
        assert!(late <= SECOND / 4, "{n} is sent {late:?} late");
        opens = Instant::now() + step;
        // The answer takes its time, which is not added to the wait.
        tokio::time::advance(SECOND / 2).await;
        limits.passed(&work(n));
    }
    assert!(limits.is_tight(Class::Invite));
    tokio::time::advance(FORGOTTEN).await;
    assert!(!limits.is_tight(Class::Invite));
    limits.passed(&work(0));
    assert_eq!(limits.pause(&work(1)), None, "by now there is room for many");
}
