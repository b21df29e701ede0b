//! `unmanage`, `invite-member`, `kick-member` and `invite-admin`: what a person asks for in one room, decided about by
//! [`Reconciler::consider`](inviter::core::reconcile::Reconciler::consider) and done by
//! [`Reconciler::carry_out`](inviter::core::reconcile::Reconciler::carry_out).

use std::fmt;

use clap::Args;
use inviter::core::{
    OwnedUserId,
    by_hand::{Considered, Request, Wish, WishReport},
    room::RoomRef,
};
use serde_json::Value;

use crate::{
    answer::Answer,
    arguments::{room_ref, user_id},
    render::by_hand,
};

/// Which room, and who follows the bot.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(
    long_about = "Take a room out of management: the bot gives up its level and leaves.

It stays while nobody else who has joined is an admin (level 100). With --admin, that person is invited and raised, and \
has to join before the bot leaves: run the same again then.

The room is others' from then on: should the bot be invited back, it does nothing there until `inviter adopt`."
)]
pub struct Unmanage {
    /// The room, by alias or ID: any that the bot is in or remembers, wanted by a group or not
    #[arg(value_parser = room_ref)]
    pub room: RoomRef,
    /// Who is to be an admin in the bot's place, such as '@user:example.com'
    #[arg(long, value_name = "USER", value_parser = user_id)]
    pub admin: Option<OwnedUserId>,
}

/// Whom to invite, and where.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(long_about = "Invite a person of another server into a managed room.

Their level stays as it is. People of the directories' own server are invited by being in a group.")]
pub struct InviteMember {
    /// The room, a managed one, as `inviter managed` names it
    #[arg(value_parser = room_ref)]
    pub room: RoomRef,
    /// The person, such as '@user:elsewhere.org'
    #[arg(value_parser = user_id)]
    pub user: OwnedUserId,
}

/// Whom to remove, and where.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(
    long_about = "Remove a person of another server from a managed room, or withdraw their invitation.

Admins, exempt people and members named in the configuration are not removed. People of the directories' own server \
are removed by being taken out of the groups."
)]
pub struct KickMember {
    /// The room, a managed one, as `inviter managed` names it
    #[arg(value_parser = room_ref)]
    pub room: RoomRef,
    /// The person, such as '@user:elsewhere.org'
    #[arg(value_parser = user_id)]
    pub user: OwnedUserId,
}

/// Whom to invite as an admin, and where.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(
    long_about = "Invite a person of another server into a managed room, with level 100.

Either part may be so already. Before room version 12 nobody else can take that level back."
)]
pub struct InviteAdmin {
    /// The room, a managed one, as `inviter managed` names it
    #[arg(value_parser = room_ref)]
    pub room: RoomRef,
    /// The person, such as '@user:elsewhere.org'
    #[arg(value_parser = user_id)]
    pub user: OwnedUserId,
}

impl From<&Unmanage> for Request {
    fn from(asked: &Unmanage) -> Self {
        Self {
            room: asked.room.clone(),
            wish: Wish::Unmanage {
                admin: asked.admin.clone(),
            },
        }
    }
}

impl From<&InviteMember> for Request {
    fn from(asked: &InviteMember) -> Self {
        Self {
            room: asked.room.clone(),
            wish: Wish::InviteMember(asked.user.clone()),
        }
    }
}

impl From<&KickMember> for Request {
    fn from(asked: &KickMember) -> Self {
        Self {
            room: asked.room.clone(),
            wish: Wish::KickMember(asked.user.clone()),
        }
    }
}

impl From<&InviteAdmin> for Request {
    fn from(asked: &InviteAdmin) -> Self {
        Self {
            room: asked.room.clone(),
            wish: Wish::InviteAdmin(asked.user.clone()),
        }
    }
}

/// What came of a wish, or would.
#[derive(Debug, Clone)]
pub struct WishAnswer {
    /// The command's name.
    name: &'static str,
    /// The `kind` of the JSON document.
    kind: &'static str,
    /// What was to be done, and what became of it.
    pub report: WishReport,
    /// Whether nothing was to be done.
    pub dry_run: bool,
}

impl WishAnswer {
    /// What would come of a wish.
    pub fn planned(wish: &Wish, considered: &Considered) -> Self {
        Self::new(wish, considered.report(), true)
    }

    /// What came of a wish that was carried out.
    pub fn done(wish: &Wish, report: WishReport) -> Self {
        Self::new(wish, report, false)
    }

    fn new(wish: &Wish, report: WishReport, dry_run: bool) -> Self {
        let (name, kind) = match wish {
            Wish::InviteMember(_) => ("invite-member", "invite_member"),
            Wish::KickMember(_) => ("kick-member", "kick_member"),
            Wish::InviteAdmin(_) => ("invite-admin", "invite_admin"),
            Wish::Unmanage { .. } => ("unmanage", "unmanage"),
            _ => ("by hand", "by_hand"),
        };
        Self {
            name,
            kind,
            report,
            dry_run,
        }
    }
}

impl Answer for WishAnswer {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        by_hand::text(out, self.name, &self.report)
    }

    fn json(&self) -> Value {
        let mut contents = by_hand::json(&self.report);
        contents["dry_run"] = self.dry_run.into();
        contents
    }
}
