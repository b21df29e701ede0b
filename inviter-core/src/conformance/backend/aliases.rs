//! Who we are, and where aliases lead.

use futures_util::FutureExt;
use ruma_common::RoomAliasId;

use super::{Check, Checked, Verdict, ensure, equal, stage::Stage};
use crate::{
    backend::AccountState,
    memory::{NewRoom, UserOp},
    room::Binding,
};

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("whoami_is_the_bot", |s| whoami(s).boxed()),
    ("alias_missing", |s| missing(s).boxed()),
    ("alias_bound", |s| bound(s).boxed()),
    ("alias_unbound_again", |s| unbound(s).boxed()),
    ("alias_case_counts", |s| case(s).boxed()),
    ("alias_foreign_is_unknown", |s| foreign(s).boxed()),
    ("accounts_in_order", |s| accounts(s).boxed()),
];

async fn whoami(stage: &Stage<'_>) -> Checked {
    let identity = stage.backend.whoami().await?;
    equal("user_id", &identity.user_id, &stage.bot)
}

async fn missing(stage: &Stage<'_>) -> Checked {
    let alias = stage.world.alias("nowhere");
    equal(
        "binding",
        &stage.backend.resolve_alias(&alias).await,
        &Binding::Missing,
    )
}

async fn bound(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.room_of(&alice, NewRoom::default()).await?;
    let alias = stage.world.alias("somewhere");
    stage
        .act(
            &alice,
            UserOp::BindAlias {
                alias: alias.clone(),
                room: room.clone(),
            },
        )
        .await?;
    // The bot is not in the room; the alias is known all the same.
    equal(
        "binding",
        &stage.backend.resolve_alias(&alias).await,
        &Binding::Bound(room),
    )
}

async fn unbound(stage: &Stage<'_>) -> Checked {
    let room = stage.own_room("moving").await?;
    let alias = stage.world.alias("moving");
    equal(
        "binding after the creation",
        &stage.backend.resolve_alias(&alias).await,
        &Binding::Bound(room),
    )?;
    stage
        .act(&stage.bot, UserOp::UnbindAlias { alias: alias.clone() })
        .await?;
    equal(
        "binding after the alias was removed",
        &stage.backend.resolve_alias(&alias).await,
        &Binding::Missing,
    )
}

async fn case(stage: &Stage<'_>) -> Checked {
    stage.own_room("lower-case").await?;
    let alias = stage.world.alias("Lower-Case");
    equal(
        "binding of another spelling",
        &stage.backend.resolve_alias(&alias).await,
        &Binding::Missing,
    )
}

async fn foreign(stage: &Stage<'_>) -> Checked {
    let alias =
        RoomAliasId::parse("#nowhere:nowhere.invalid").map_err(|error| Verdict::Failed(error.to_string()))?;
    let binding = stage.backend.resolve_alias(&alias).await;
    ensure(matches!(binding, Binding::Unknown(_)), || {
        format!("an alias of another server: found {binding:?}, wanted Unknown")
    })
}

async fn accounts(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let nobody = ruma_common::UserId::parse(format!("@nobody-at-all:{}", stage.bot.server_name()))
        .map_err(|error| Verdict::Failed(error.to_string()))?;
    let asked = [nobody, stage.bot.clone(), alice];
    let found = stage.backend.accounts(&asked).await?;
    let known = stage.world.knows_accounts();
    let unless_known = |state| if known { state } else { AccountState::Unknown };
    let wanted = vec![
        unless_known(AccountState::Missing),
        unless_known(AccountState::Exists),
        unless_known(AccountState::Exists),
    ];
    equal("accounts", &found, &wanted)
}
