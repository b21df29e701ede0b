//! One room's worth of requests to both homeservers.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use inviter_core::{
    OwnedRoomId, OwnedUserId, RoomVersionId, ServerName, UserId,
    conformance::wire,
    memory::{InMemoryHomeserver, NewRoom, Preset, UserOp},
    room::Membership,
};
use inviter_testkit::Client;
use serde_json::Value;

use crate::random::{self, Random, Rooms, Step};

/// What came of one or more sequences.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) accepted: usize,
    pub(crate) refused: usize,
    pub(crate) disagreements: Vec<String>,
    /// Accepted and refused, by kind of request.
    pub(crate) by_kind: BTreeMap<&'static str, (usize, usize)>,
}

impl Outcome {
    pub(crate) fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.disagreements.extend(other.disagreements);
        for (kind, (accepted, refused)) in other.by_kind {
            let sum = self.by_kind.entry(kind).or_default();
            sum.0 += accepted;
            sum.1 += refused;
        }
    }

    fn count(&mut self, kind: &'static str, accepted: bool) {
        let of_kind = self.by_kind.entry(kind).or_default();
        if accepted {
            self.accepted += 1;
            of_kind.0 += 1;
        } else {
            self.refused += 1;
            of_kind.1 += 1;
        }
    }
}

pub(crate) struct Sequence<'a> {
    version: RoomVersionId,
    random: Random,
    clients: &'a [Client],
    admin: &'a Client,
    model: InMemoryHomeserver,
    /// In the order of the clients.
    actors: Vec<OwnedUserId>,
    /// Whom requests may be about: the actors, and one without an account.
    people: Vec<OwnedUserId>,
}

impl<'a> Sequence<'a> {
    pub(crate) fn new(
        version: RoomVersionId,
        seed: u64,
        clients: &'a [Client],
        admin: &'a Client,
    ) -> Result<Self> {
        let server = UserId::parse(admin.user_id())?.server_name().to_owned();
        let model = InMemoryHomeserver::new(ServerName::parse(server.as_str())?);
        let mut actors = Vec::new();
        for client in clients {
            let user = UserId::parse(client.user_id())?;
            actors.push(model.register(user.localpart())?);
        }
        let mut people = actors.clone();
        people.push(UserId::parse(format!("@ghost-of-nobody:{server}"))?);
        Ok(Self {
            version,
            random: Random(seed),
            clients,
            admin,
            model,
            actors,
            people,
        })
    }

    pub(crate) async fn run(mut self, operations: usize) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let first = self.random.below(self.actors.len());
        let lobby = NewRoom {
            version: Some(RoomVersionId::V10),
            preset: Preset::PublicChat,
            ..NewRoom::default()
        };
        let (model_lobby, real_lobby) = self
            .create(first, lobby)
            .await?
            .context("the lobby was refused")?;
        let new = random::new_room(&mut self.random, &self.version, &self.actors[first], &self.actors);
        let Some((model_main, real_main)) = self.create(first, new).await? else {
            // Refused by both, which is an agreement, too.
            outcome.count("create", false);
            return Ok(outcome);
        };
        outcome.count("create", true);
        let model = Rooms {
            main: model_main,
            lobby: model_lobby,
        };
        let real = Rooms {
            main: real_main,
            lobby: real_lobby,
        };
        // Some company first: in a room with one person nearly everything is refused.
        let mut planned = Vec::new();
        for guest in (0..self.actors.len()).filter(|guest| *guest != first).take(3) {
            planned.push((guest, Step::Join));
            planned.push((first, Step::Invite(self.actors[guest].clone(), None)));
        }
        for _ in 0..operations {
            if self.nobody_left(&model) {
                // Synapse forgets the state of a room that it is not in any more.
                return Ok(outcome);
            }
            let (actor, step) = planned.pop().unwrap_or_else(|| self.next(&model, first));
            if planned.is_empty() && self.random.chance(50) {
                planned = self.follow_up(actor, &step);
            }
            let wanted = self.model.act(&self.actors[actor], &step.op(&model)).map(|_| ());
            let (status, answer) = send(&self.clients[actor], &step.op(&real)).await?;
            let accepted = status == 200;
            outcome.count(step.kind(), accepted);
            if accepted != wanted.is_ok() {
                outcome.disagreements.push(format!(
                    "version {}: {step:?}\n  Synapse: {status} {answer}\n  model: {wanted:?}\n{}",
                    self.version,
                    self.situation(&model, actor),
                ));
                return Ok(outcome);
            }
        }
        for (model, real) in [(&model.main, &real.main), (&model.lobby, &real.lobby)] {
            outcome.disagreements.extend(self.differences(model, real).await?);
        }
        Ok(outcome)
    }

    /// Makes a room on both; `None` if both refuse it.
    async fn create(&self, actor: usize, new: NewRoom) -> Result<Option<(OwnedRoomId, OwnedRoomId)>> {
        let op = UserOp::CreateRoom(Box::new(new));
        let model = self.model.act(&self.actors[actor], &op);
        let (status, answer) = send(&self.clients[actor], &op).await?;
        match (model, answer["room_id"].as_str()) {
            (Ok(model), Some(real)) => {
                let model = model.created().context("no room")?;
                Ok(Some((model, OwnedRoomId::try_from(real)?)))
            }
            (Err(_), None) => Ok(None),
            (model, _) => anyhow::bail!("{op:?}: Synapse {status} {answer}, model {model:?}"),
        }
    }

    /// The next request, mostly of somebody who is in the room, and often of its creator.
    fn next(&mut self, rooms: &Rooms, creator: usize) -> (usize, Step) {
        let anyone = self.random.below(self.actors.len());
        let in_room: Vec<usize> = (0..self.actors.len())
            .filter(|n| self.is_joined(&rooms.main, &self.actors[*n]))
            .collect();
        let insider = if in_room.contains(&creator) && self.random.chance(40) {
            creator
        } else {
            self.random.pick(&in_room)
        };
        let levels = self.model.levels(&rooms.main).unwrap_or_default();
        let step = random::step(&mut self.random, &self.actors[insider], &self.people, &levels);
        let from_outside = matches!(
            step,
            Step::Join | Step::Knock | Step::LobbyJoin | Step::LobbyLeave
        );
        let actor = if from_outside || self.random.chance(15) {
            anyone
        } else {
            insider
        };
        (actor, step)
    }

    /// What makes a request matter, in reverse order: blind chance seldom comes to it.
    fn follow_up(&mut self, actor: usize, step: &Step) -> Vec<(usize, Step)> {
        let anyone = self.random.below(self.actors.len());
        let of = |user: &OwnedUserId| self.actors.iter().position(|known| known == user);
        match step {
            Step::Invite(user, _) => of(user).map(|user| (user, Step::Join)).into_iter().collect(),
            Step::Ban(user, _) => vec![
                (actor, Step::Invite(user.clone(), None)),
                (actor, Step::Unban(user.clone())),
            ],
            Step::JoinRule("knock") => vec![
                (actor, Step::Invite(self.actors[anyone].clone(), None)),
                (anyone, Step::Knock),
                (anyone, Step::Leave),
                (anyone, Step::Knock),
                (anyone, Step::Leave),
            ],
            Step::JoinRule("knock_restricted") => {
                vec![(anyone, Step::Leave), (anyone, Step::Knock), (anyone, Step::Join)]
            }
            Step::JoinRule("restricted") => vec![
                (anyone, Step::Join),
                (anyone, Step::LobbyJoin),
                (anyone, Step::Join),
                (anyone, Step::Leave),
            ],
            Step::Knock => vec![(anyone, Step::Invite(self.actors[actor].clone(), None))],
            _ => Vec::new(),
        }
    }

    fn is_joined(&self, room: &OwnedRoomId, user: &OwnedUserId) -> bool {
        self.model
            .members(room)
            .iter()
            .any(|member| member.user_id == *user && member.membership == Membership::Joined)
    }

    fn nobody_left(&self, rooms: &Rooms) -> bool {
        [&rooms.main, &rooms.lobby]
            .into_iter()
            .any(|room| !self.actors.iter().any(|user| self.is_joined(room, user)))
    }

    /// What one has to know to understand a disagreement.
    fn situation(&self, rooms: &Rooms, actor: usize) -> String {
        let members: Vec<String> = self
            .model
            .members(&rooms.main)
            .iter()
            .map(|member| format!("{} {:?} by {}", member.user_id, member.membership, member.sender))
            .collect();
        format!(
            "  actor: {}\n  members: {members:#?}\n  levels: {}\n  join rule: {:?}",
            self.actors[actor],
            self.model.levels(&rooms.main).unwrap_or_default(),
            self.model.state(&rooms.main, "m.room.join_rules", ""),
        )
    }

    /// Where the state of a room differs between the two.
    async fn differences(&self, model: &OwnedRoomId, real: &OwnedRoomId) -> Result<Vec<String>> {
        let mut theirs = BTreeMap::new();
        for event in self.admin.admin_room_state(real.as_str()).await? {
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            let (kind, key, sender) = (text("type"), text("state_key"), text("sender"));
            theirs.insert((kind.clone(), key), (sender, essence(&kind, &event["content"])));
        }
        let mut ours = BTreeMap::new();
        for line in self.model.digest().lines() {
            // "state <room> <type> <key as a string literal> <sender> <content>"
            let prefix = format!("state {model} ");
            let Some(rest) = line.strip_prefix(&prefix) else {
                continue;
            };
            let (kind, rest) = rest.split_once(" \"").context("no state key")?;
            let (key, rest) = rest.split_once("\" ").context("no state key")?;
            let (sender, content) = rest.split_once(' ').context("no sender")?;
            let content = serde_json::from_str(content)?;
            ours.insert(
                (kind.to_owned(), key.to_owned()),
                (sender.to_owned(), essence(kind, &content)),
            );
        }
        let rename = |text: String| {
            text.replace(model.as_str(), "ROOM")
                .replace(real.as_str(), "ROOM")
        };
        let mut differences = Vec::new();
        for at in theirs.keys().chain(ours.keys()) {
            if theirs.get(at) != ours.get(at) {
                differences.push(rename(format!(
                    "version {}: {at:?}\n  Synapse: {:?}\n  model: {:?}",
                    self.version,
                    theirs.get(at),
                    ours.get(at)
                )));
            }
        }
        differences.dedup();
        Ok(differences)
    }
}

/// What has to be equal: of a member event the membership, of others the content without room IDs, which differ.
fn essence(kind: &str, content: &Value) -> Value {
    match kind {
        "m.room.member" => content["membership"].clone(),
        "m.room.join_rules" => content["join_rule"].clone(),
        "m.room.tombstone" => content["body"].clone(),
        _ => content.clone(),
    }
}

/// Sends the request to the real homeserver.
pub(crate) async fn send(client: &Client, op: &UserOp) -> Result<(u16, Value)> {
    let request = wire::request(op);
    let method = request.method.parse()?;
    client
        .raw(method, &request.path, request.body.as_ref(), Some(client.token()))
        .await
}
