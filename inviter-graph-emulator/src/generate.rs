//! Tenants of any size, with the truth about them.

use std::collections::BTreeSet;

use crate::group::Other;
use crate::id::{Id, scramble};
use crate::tenant::Tenant;
use crate::user::User;

/// What a generated tenant is like.
#[derive(Debug, Clone)]
pub struct Shape {
    /// How many groups of rooms there are below the root group.
    pub rooms: usize,
    /// How many users there are.
    pub users: usize,
    /// How many people are in the first rooms, exactly; at most [`users`](Self::users).
    pub sizes: Vec<usize>,
    /// How many people are in each of the other rooms, at most; at least one is.
    pub other_size: usize,
    /// How many levels of groups there are below each room's group; 0 is none, unless there is a cycle.
    pub depth: usize,
    /// Whether the deepest group of each room has the room's own group as a member.
    pub cycle: bool,
    /// How many owners each room's group has. The first is the same user everywhere, and in no room unless
    /// chance puts it there.
    pub owners: usize,
    /// How many of the users are guests.
    pub guests: usize,
    /// How many of the users are disabled; none of the guests, unless there are too few others.
    pub disabled: usize,
    /// How many devices, contacts and service principals are members of each room's group, in turns.
    pub non_users: usize,
    /// The domain of users and rooms.
    pub domain: String,
    /// What the names of the rooms' groups begin with.
    pub prefix: String,
    /// The name of the root group.
    pub root: String,
    /// Groups beside the root group that stand for no room.
    pub other_groups: usize,
    /// Where chance begins.
    pub seed: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            rooms: 5,
            users: 50,
            sizes: Vec::new(),
            other_size: 10,
            depth: 0,
            cycle: false,
            owners: 1,
            guests: 0,
            disabled: 0,
            non_users: 0,
            domain: "example.org".to_owned(),
            prefix: "MTRX ".to_owned(),
            root: "Matrix rooms".to_owned(),
            other_groups: 0,
            seed: 1,
        }
    }
}

/// A room of a generated tenant. What it says is the generator's own reckoning, of the beginning.
#[derive(Debug, Clone)]
pub struct Room {
    /// Its group.
    pub group: Id,
    /// The name of its group, such as `MTRX #room-0001:example.org`.
    pub name: String,
    /// Its alias, such as `#room-0001:example.org`.
    pub alias: String,
    /// All users in it, at any depth, the disabled ones and the guests included.
    pub people: BTreeSet<Id>,
    /// Those of them who are disabled.
    pub disabled: BTreeSet<Id>,
    /// Those of them who are guests.
    pub guests: BTreeSet<Id>,
    /// The owners of its group.
    pub owners: BTreeSet<Id>,
}

/// Repeatable chance.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(1);
        let number = scramble(self.0) % (end.max(1) as u64);
        usize::try_from(number).unwrap_or(0)
    }
}

impl Tenant {
    /// Makes a tenant: a root group whose direct members are the groups of rooms, and users in them.
    pub fn generate(shape: &Shape) -> Self {
        let mut tenant = Self::new();
        tenant.set_domain(&shape.domain);
        let mut chance = Chance(scramble(shape.seed));
        let mut users: Vec<Id> = (1..=shape.users)
            .map(|number| tenant.add_user(user(shape, number)))
            .collect();
        let all = users.clone();
        let above = tenant.add_group(shape.root.as_str());
        tenant.set_root(above);
        for number in 1..=shape.other_groups {
            tenant.add_group(format!("Team {number:04}"));
        }
        for number in 1..=shape.rooms {
            let size = match shape.sizes.get(number - 1) {
                Some(size) => *size,
                None => 1 + chance.below(shape.other_size),
            };
            let size = size.min(users.len());
            // The beginning of a shuffle is a draw without repetition.
            for place in 0..size {
                let other = place + chance.below(users.len() - place);
                users.swap(place, other);
            }
            let room = tenant.add_room(shape, number, &users[..size], &all, &mut chance);
            tenant.add_member(above, room.group);
            tenant.rooms.push(room);
        }
        tenant
    }

    fn add_room(
        &mut self,
        shape: &Shape,
        number: usize,
        people: &[Id],
        all: &[Id],
        chance: &mut Chance,
    ) -> Room {
        let alias = format!("#room-{number:04}:{}", shape.domain);
        let name = format!("{}{alias}", shape.prefix);
        let group = self.add_group(name.as_str());
        let mut levels = vec![group];
        let depth = shape.depth.max(usize::from(shape.cycle));
        for level in 1..=depth {
            let below = self.add_group(format!("Room {number:04}, part {level}"));
            self.add_member(levels[level - 1], below);
            levels.push(below);
        }
        if shape.cycle {
            self.add_member(levels[depth], group);
        }
        for person in people {
            let level = chance.below(levels.len());
            self.add_member(levels[level], *person);
            if levels.len() > 1 && chance.below(10) == 0 {
                // Some are in by two ways.
                let level = chance.below(levels.len());
                self.add_member(levels[level], *person);
            }
        }
        for index in 0..shape.non_users {
            let kind = ["device", "orgContact", "servicePrincipal"][index % 3];
            let other = self.add_object(Other {
                kind: kind.to_owned(),
                display_name: format!("{kind} {index} of room {number:04}"),
                properties: std::collections::BTreeMap::new(),
            });
            self.add_member(group, other);
        }
        let mut owners = BTreeSet::new();
        for index in 0..shape.owners.min(all.len()) {
            let owner = if index == 0 {
                all[0]
            } else {
                all[chance.below(all.len())]
            };
            self.add_owner(group, owner);
            owners.insert(owner);
        }
        let chosen = |choose: fn(&User) -> bool| {
            let users = people.iter().copied();
            users.filter(|id| self.user(*id).is_some_and(choose)).collect()
        };
        Room {
            group,
            name,
            alias,
            people: people.iter().copied().collect(),
            disabled: chosen(|user| !user.account_enabled),
            guests: chosen(|user| user.user_type.as_deref() == Some("Guest")),
            owners,
        }
    }
}

fn user(shape: &Shape, number: usize) -> User {
    let local = format!("user-{number:05}");
    let guest = number > shape.users.saturating_sub(shape.guests);
    let upn = if guest {
        format!("{local}_guest.example#EXT#@{}", shape.domain)
    } else {
        format!("{local}@{}", shape.domain)
    };
    let mut user = User {
        mail: Some(if guest {
            format!("{local}@guest.example")
        } else {
            upn.clone()
        }),
        user_principal_name: upn,
        display_name: Some(format!("User {number}")),
        given_name: Some("User".to_owned()),
        surname: Some(number.to_string()),
        // The first user owns every group.
        account_enabled: number == 1 || number > shape.disabled + 1,
        on_premises_sam_account_name: (!guest).then(|| local.clone()),
        mail_nickname: Some(local),
        ..User::default()
    };
    if guest {
        user.user_type = Some("Guest".to_owned());
        user.creation_type = Some("Invitation".to_owned());
        user.external_user_state = Some("Accepted".to_owned());
    }
    user
}

impl Shape {
    /// So many rooms and users, and all else as it is by default.
    pub fn sized(rooms: usize, users: usize) -> Self {
        Self {
            rooms,
            users,
            ..Self::default()
        }
    }
}

impl From<&Shape> for Tenant {
    fn from(shape: &Shape) -> Self {
        Self::generate(shape)
    }
}
