//! One room: what keeps the bot from managing it, and who can do what about that.

use ruma_common::{RoomAliasId, UserId};
use serde_json::json;

use super::{AdminRequest, Remedy, RemedyContext, Step, Trouble, account::admin};
use crate::{
    action::RoomTarget,
    finding::FindingKind,
    plan::{RoomPlan, RoomStatus},
    rights::{Rights, Seen},
    room::{JoinRule, Power, RoomRef},
};

/// What is in the way in one room. Pure: the plan's status, what was seen of the room, and what is known of the
/// homeserver decide.
pub fn of_room(plan: &RoomPlan, cx: &RemedyContext<'_>) -> Vec<Remedy> {
    let room = Room { plan, cx };
    let mut remedies = match plan.status {
        RoomStatus::NotJoined => vec![room.not_joined()],
        RoomStatus::Invited => room.invited().into_iter().collect(),
        RoomStatus::Replaced => vec![room.replaced()],
        RoomStatus::Found => room.found(),
        // Whoever has paused a room meant it, and its finding says how that ends. So does that of one whose alias leads
        // elsewhere: only a person knows which of the two rooms is meant.
        RoomStatus::ToCreate | RoomStatus::Managed | RoomStatus::Paused | RoomStatus::Moved => Vec::new(),
        RoomStatus::Unknown => vec![room.unknown()],
    };
    if let (RoomStatus::Found | RoomStatus::Managed, Some(seen)) = (plan.status, &plan.seen) {
        remedies.extend(room.power(seen));
        remedies.extend(room.public(seen));
        remedies.extend(room.outranked(seen));
    }
    remedies
}

/// Ways to put another room behind an alias. While it leads nowhere, a run would make a third room, so that it is paused
/// meanwhile.
fn move_alias(alias: &RoomAliasId) -> Vec<Step> {
    let before = format!("run `inviter pause '{alias}'`");
    let after = format!("then run `inviter resume '{alias}'` and `inviter adopt '{alias}'`");
    let root = "/_matrix/client/v3/directory/room";
    vec![
        Step::Client {
            text: format!(
                "{before}; an administrator of the new room takes over the alias: in the old room, Element: Room \
                 settings → General → Local addresses → remove; in the new one, add it; {after}"
            ),
        },
        Step::Request {
            text: format!(
                "{before}; a server administrator frees the alias, and somebody in the new room adds it there; {after}"
            ),
            request: AdminRequest::new("DELETE", root, &[alias.as_str()], None),
        },
    ]
}

struct Room<'a> {
    plan: &'a RoomPlan,
    cx: &'a RemedyContext<'a>,
}

impl Room<'_> {
    fn has(&self, kind: FindingKind) -> Option<FindingKind> {
        let found = self.plan.findings.iter().any(|finding| finding.kind == kind);
        found.then_some(kind)
    }

    fn id(&self) -> Option<&str> {
        match &self.plan.target {
            Some(RoomTarget::Existing(id)) => Some(id.as_str()),
            _ => None,
        }
    }

    /// A request that only a Synapse knows, for a room that is known.
    fn synapse(&self, text: &str, request: impl FnOnce(&str) -> AdminRequest) -> Option<Step> {
        let id = self.id().filter(|_| self.cx.facts.is_synapse())?;
        let text = text.to_owned();
        let request = request(id);
        Some(Step::Request { text, request })
    }

    /// Makes the bot join: `POST /_synapse/admin/v1/join/{room}` invites with the caller's own power.
    fn join(&self) -> Option<Step> {
        let body = json!({ "user_id": self.cx.bot });
        self.synapse(
            "a server administrator who is in the room and may invite there makes the bot join",
            |id| admin("POST", 1, &["join", id], Some(body)),
        )
    }

    /// Lends the bot the power of the highest local member, and has them invite it if need be.
    fn make_admin(&self, text: &str) -> Option<Step> {
        let body = json!({ "user_id": self.cx.bot });
        self.synapse(text, |id| {
            admin("POST", 1, &["rooms", id, "make_room_admin"], Some(body))
        })
    }

    fn not_joined(&self) -> Remedy {
        let bot = self.cx.bot;
        let trusted: Vec<&str> = self
            .cx
            .policy
            .trusted_inviters
            .iter()
            .map(|user| user.as_str())
            .collect();
        let who = match trusted.as_slice() {
            [] => "somebody whom you name in `trusted_inviters`".to_owned(),
            [one] => (*one).to_owned(),
            [some @ .., last] => format!("{} or {last}", some.join(", ")),
        };
        let mut steps = vec![Step::Client {
            text: format!("{who} types `/invite {bot}` in the room; the next sync accepts"),
        }];
        steps.extend(self.join());
        steps.extend(self.make_admin(
            "a server administrator who is not in it has the local member with the highest level invite and raise \
             the bot; the next sync accepts if that member is among the `trusted_inviters`",
        ));
        Remedy {
            trouble: Trouble::NotJoined,
            blocks: true,
            told_by: self.has(FindingKind::NotJoined),
            message: "the bot is not in it".to_owned(),
            steps,
        }
    }

    fn invited(&self) -> Option<Remedy> {
        let told_by = Some(self.has(FindingKind::UntrustedInvitation)?);
        let mut steps = Vec::new();
        if let Some(inviter) = &self.plan.invited_by {
            let mut trusted = self.cx.policy.trusted_inviters.clone();
            trusted.insert(inviter.clone());
            steps.push(Step::Configuration {
                text: format!("if you trust {inviter}, the next sync accepts with this at the top"),
                line: format!("trusted_inviters = {}", list(&trusted)),
            });
        }
        steps.extend(self.join());
        Some(Remedy {
            trouble: Trouble::UntrustedInvitation,
            blocks: true,
            told_by,
            message: "the bot is invited by someone whom it does not trust".to_owned(),
            steps,
        })
    }

    fn found(&self) -> Vec<Remedy> {
        let mut remedies = Vec::new();
        if let Some(seen) = self.plan.seen.as_ref().filter(|seen| !seen.creator_is_known) {
            remedies.push(self.unknown_creator(seen));
        }
        let handed_over = self.has(FindingKind::HandedOver);
        let message = match handed_over {
            Some(_) => "it was given away with `inviter unmanage`, and nobody has adopted it since",
            None => "nobody has adopted it",
        };
        remedies.push(Remedy {
            trouble: Trouble::NotAdopted,
            blocks: true,
            told_by: handed_over.or_else(|| self.has(FindingKind::NotAdopted)),
            message: message.to_owned(),
            steps: vec![Step::Command {
                command: format!("inviter adopt '{}'", self.plan.room),
            }],
        });
        remedies
    }

    fn unknown_creator(&self, seen: &Seen) -> Remedy {
        let wanted = self.plan.census.wanted;
        let suspicion = match (seen.present, wanted) {
            (0, 1..) => "the alias may be squatted: look at the room before you adopt it",
            _ => "make sure that the room is yours before you adopt it",
        };
        let message = format!(
            "{} is not known to any directory, and no trusted inviter or creator; {} of the {wanted} who belong there \
             are in it; {suspicion}",
            seen.creator, seen.present
        );
        // Where the people of the group are, the room is hardly somebody's trap, and asking them is enough.
        let steps = if seen.present == 0 && wanted > 0 {
            self.look_at_a_trap()
        } else {
            Vec::new()
        };
        Remedy {
            trouble: Trouble::UnknownCreator,
            blocks: false,
            told_by: None,
            message,
            steps,
        }
    }

    fn look_at_a_trap(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = self
            .synapse("a server administrator looks at the room", |id| {
                admin("GET", 1, &["rooms", id], None)
            })
            .into_iter()
            .collect();
        // Only an alias can be taken away from a room, and only of our own homeserver.
        if let RoomRef::Alias(alias) = &self.plan.room
            && alias.server_name() == self.cx.bot.server_name()
        {
            steps.push(Step::Request {
                text: "if it is not yours, a server administrator frees the alias, and the next sync creates a room \
                       under it"
                    .to_owned(),
                request: AdminRequest::new(
                    "DELETE",
                    "/_matrix/client/v3/directory/room",
                    &[alias.as_str()],
                    None,
                ),
            });
        }
        steps
    }

    fn power(&self, seen: &Seen) -> Option<Remedy> {
        let told_by = self.has(FindingKind::PowerMissing);
        if told_by.is_none() && seen.rights.manages_people() {
            return None;
        }
        let own = seen.rights.own;
        Some(Remedy {
            trouble: Trouble::PowerMissing,
            blocks: told_by.is_some(),
            told_by,
            message: format!("the bot's level {own} is too low for what it has to do there"),
            steps: self.raising(seen),
        })
    }

    fn raising(&self, seen: &Seen) -> Vec<Step> {
        let bot = self.cx.bot;
        let needed = needed(&seen.rights);
        // More than 100 only where nothing less will do.
        let most = needed.max(100);
        let enough: Vec<(&UserId, i64)> = seen
            .raisers
            .iter()
            .filter(|raiser| raiser.power.reaches(needed))
            .map(|raiser| match raiser.power {
                Power::Level(level) => (&*raiser.user, level.min(most)),
                Power::Infinite => (&*raiser.user, most),
            })
            .collect();
        if enough.is_empty() {
            let who = match seen.raisers.first() {
                Some(highest) => format!(
                    "{}, the highest of {} in the room, has level {} and the bot needs {needed}",
                    highest.user,
                    bot.server_name(),
                    highest.power
                ),
                None if seen.rights.manages_people() && seen.rights.own.reaches(100) => return Vec::new(),
                None => format!(
                    "nobody of {} who is in the room may raise the bot",
                    bot.server_name()
                ),
            };
            let text = format!(
                "{who}: an administrator of the room from elsewhere has to type `/op {bot} {most}` there"
            );
            return vec![Step::Client { text }];
        }
        // Each with the level that they can give.
        let typed = enough.chunk_by(|a, b| a.1 == b.1).map(|same| {
            let names: Vec<&str> = same.iter().map(|(user, _)| user.as_str()).collect();
            let level = same.first().map_or(most, |(_, level)| *level);
            format!("{} types `/op {bot} {level}`", names.join(" or "))
        });
        let typed = typed.collect::<Vec<_>>().join(", or ");
        let mut steps = vec![Step::Client {
            text: format!(
                "{typed} in the room (Element: the bot in the list of people → Power level; what each level may do: \
                 Room settings → Roles & Permissions)"
            ),
        }];
        steps.extend(
            self.make_admin("a server administrator lends the bot the level of the highest local member"),
        );
        steps
    }

    fn public(&self, seen: &Seen) -> Option<Remedy> {
        (seen.join_rule == JoinRule::Public).then(|| Remedy {
            trouble: Trouble::PublicRoom,
            blocks: false,
            told_by: self.has(FindingKind::PublicRoom),
            message: "anyone may join it, so nobody is removed: they could walk back in".to_owned(),
            steps: vec![Step::Client {
                text: "if only its groups are to be there, an administrator of the room sets Element: Room settings → \
                       Security & Privacy → Access → Private (invite only)"
                    .to_owned(),
            }],
        })
    }

    fn outranked(&self, seen: &Seen) -> Option<Remedy> {
        (seen.creator_outranks && seen.creator != self.cx.bot).then(|| Remedy {
            trouble: Trouble::CreatorOutranks,
            blocks: false,
            told_by: None,
            message: format!(
                "its version {} puts {} above all levels: nobody can remove or lower them",
                seen.version, seen.creator
            ),
            steps: Vec::new(),
        })
    }

    fn replaced(&self) -> Remedy {
        if let (Some(upgrade), Some(told_by)) = (&self.plan.lineage.upgrade, self.has(FindingKind::Replaced))
        {
            // The managed room is followed by itself, once the bot can see what the other says.
            let (to, by) = (&upgrade.replacement.named, &upgrade.replacement.by);
            return Remedy {
                trouble: Trouble::Replaced,
                blocks: true,
                told_by: Some(told_by),
                message: format!("it was replaced by {to}, where the bot is not in"),
                steps: vec![Step::Client {
                    text: format!(
                        "{by}, or a trusted inviter, types `/invite {}` in {to}",
                        self.cx.bot
                    ),
                }],
            };
        }
        let alias = self.plan.refs.iter().find_map(|name| match name {
            RoomRef::Alias(alias) => Some(alias),
            RoomRef::Id(_) => None,
        });
        let steps = match alias {
            Some(alias) => move_alias(alias),
            None => vec![self.change_id()],
        };
        Remedy {
            trouble: Trouble::Replaced,
            blocks: true,
            told_by: self
                .has(FindingKind::Replaced)
                .or_else(|| self.has(FindingKind::NotSuccessor)),
            message: "it was replaced by another room".to_owned(),
            steps,
        }
    }

    /// For a room without an alias.
    fn change_id(&self) -> Step {
        let upgrade = self.plan.lineage.upgrade.as_ref();
        let to = upgrade.and_then(|upgrade| upgrade.replacement.room.as_ref());
        let to = to.map_or("!ID-of-the-new-room", |id| id.as_str());
        Step::Configuration {
            text: format!(
                "the configuration names the new room in place of the old one; then `inviter adopt '{to}'` puts it under \
                 management"
            ),
            line: format!("id = \"{to}\""),
        }
    }

    fn unknown(&self) -> Remedy {
        let ours = self.cx.bot.server_name();
        let (trouble, steps) = match &self.plan.room {
            // Only the other server knows whether there is a room, and only it can make one.
            RoomRef::Alias(alias) if alias.server_name() != ours && self.plan.target.is_none() => {
                let text = format!(
                    "somebody with an account on {} makes sure that the room is there under this alias, and types \
                     `/invite {}` in it",
                    alias.server_name(),
                    self.cx.bot
                );
                (Trouble::ForeignAlias, vec![Step::Client { text }])
            }
            _ => (Trouble::Unknown, Vec::new()),
        };
        let told_by = self.has(FindingKind::RoomForeignMissing);
        Remedy {
            trouble,
            blocks: true,
            told_by: told_by.or_else(|| self.has(FindingKind::RoomUnknown)),
            message: "what it is like cannot be learnt".to_owned(),
            steps,
        }
    }
}

/// The level that the bot is short of: for people, or for settings where it may manage people.
fn needed(rights: &Rights) -> i64 {
    let people = [rights.invite, rights.remove, rights.levels];
    let missing = people
        .into_iter()
        .filter(|right| !right.may)
        .map(|right| right.needed);
    let settings = rights.all().into_iter().map(|(_, right)| right);
    let settings = settings.filter(|right| !right.may).map(|right| right.needed);
    // Whatever else it is that it cannot do: every raiser has more than the bot.
    missing.max().or_else(|| settings.max()).unwrap_or(i64::MIN)
}

/// As TOML writes a list of user IDs.
fn list<T: AsRef<str>>(users: impl IntoIterator<Item = T>) -> String {
    let users: Vec<String> = users
        .into_iter()
        .map(|user| format!("\"{}\"", user.as_ref().replace('\\', r"\\").replace('"', "\\\"")))
        .collect();
    format!("[{}]", users.join(", "))
}
