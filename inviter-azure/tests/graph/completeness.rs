//! What Graph does not show without an error: exactly that is unknown, and known again once it is shown.

mod gone;
mod hidden;
mod limited;
mod revoked;

use inviter_graph_emulator::{Id, Options, Tenant, User};

use crate::{
    faults::lost,
    harness::{Picture, World, below},
};

/// Two rooms with a group inside one of them, and a third that nothing happens to.
struct Town {
    world: World,
    root: Id,
    red: Id,
    inner: Id,
    blue: Id,
    ada: Id,
    bob: Id,
    cyd: Id,
    dan: Id,
}

/// Before the tenant is served.
type Change = fn(&mut Tenant, &Ids);

/// The groups.
struct Ids {
    red: Id,
    inner: Id,
}

impl Town {
    async fn start() -> Self {
        Self::start_with(|_| {}, |_, _| {}).await
    }

    async fn start_with(set: impl FnOnce(&mut Options), change: Change) -> Self {
        let mut tenant = Tenant::new();
        let [root, red, inner, blue, quiet] =
            ["Rooms", "Red", "Inner", "Blue", "Quiet"].map(|name| tenant.add_group(name));
        let people = ["ada", "bob", "cyd", "dan", "eve"];
        let [ada, bob, cyd, dan, eve] =
            people.map(|name| tenant.add_user(User::new(&format!("{name}@example.org"))));
        for (group, member) in [
            (root, red),
            (root, blue),
            (root, quiet),
            (red, ada),
            (red, inner),
            (inner, bob),
            (inner, cyd),
            (blue, cyd),
            (blue, dan),
            (quiet, eve),
        ] {
            tenant.add_member(group, member);
        }
        for (group, owner) in [(red, ada), (blue, dan), (quiet, eve)] {
            tenant.add_owner(group, owner);
        }
        change(&mut tenant, &Ids { red, inner });
        let mut options = Options::default();
        set(&mut options);
        let world = World::start_with(tenant, options, below(root), |_| {}).await;
        Self {
            world,
            root,
            red,
            inner,
            blue,
            ada,
            bob,
            cyd,
            dan,
        }
    }

    /// Reads, and sees that exactly these groups' members are not all known, and nobody is lost.
    async fn reads(&self, incomplete: &[&str]) -> Picture {
        let picture = self.world.read().await;
        self.check(&picture, incomplete);
        picture
    }

    /// The same of a directory that has read nothing before.
    async fn reads_anew(&self, incomplete: &[&str]) -> Picture {
        let picture = self.world.read_anew().await;
        self.check(&picture, incomplete);
        picture
    }

    #[track_caller]
    fn check(&self, picture: &Picture, incomplete: &[&str]) {
        let wrong = lost(picture, &self.world.truth());
        assert!(wrong.is_empty(), "{wrong:#?}");
        let found: Vec<&str> = picture.incomplete().into_keys().collect();
        assert_eq!(found, incomplete, "{:#?}", picture.incomplete());
        let known = incomplete.is_empty() && picture.listing().is_empty();
        assert_eq!(picture.accounts_gaps().is_empty(), known);
    }

    /// Reads, and sees that all is known and right.
    async fn is_whole(&self, about: &str) {
        let picture = self.world.read().await;
        self.world.assert_true(&picture, about);
        let fresh = self.world.read_anew().await;
        fresh.facts.assert_are(&picture.facts, about);
        assert_eq!(picture.remarks(), fresh.remarks(), "{about}");
    }

    fn change<R>(&self, change: impl FnOnce(&mut Tenant) -> R) -> R {
        self.world.emulator.change(change)
    }

    fn grant(&self, permissions: &[&str]) {
        self.world.emulator.grant(permissions);
    }
}

const ALL: [&str; 3] = ["GroupMember.Read.All", "User.Read.All", "Member.Read.Hidden"];
/// All but for hidden members.
const USUAL: [&str; 2] = ["GroupMember.Read.All", "User.Read.All"];
