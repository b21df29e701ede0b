//! The whole check as text.

use std::fmt::{self, Write};

use inviter::core::{
    provider::{Advice, AdviceKind},
    server::AccountFlag,
};

use super::{
    Checked, Connected,
    room::{Told, shared, steps},
    summary::AGAIN,
};
use crate::render::{
    clean::{Clean, clean},
    counted,
    report::note,
    rooms,
    style::{ADD, FAILED, HEADLINE, NOTE, QUIET},
};

impl Checked {
    pub(super) fn write_text(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "configuration {}", Clean(&self.config))?;
        for source in &self.desired.sources {
            writeln!(out, "{}", rooms::source_line(source, &self.desired))?;
            if !source.is_complete() {
                writeln!(
                    out,
                    "  {QUIET}until it is read completely, nobody is removed from a room that it may feed{QUIET:#}"
                )?;
            }
            for advice in self.advice_of(&source.provider) {
                self::advice(out, advice)?;
            }
        }
        match &self.connected {
            Ok(connected) => connected.write_text(out, &self.homeserver)?,
            Err(error) => {
                writeln!(
                    out,
                    "homeserver {}: {FAILED}{}{FAILED:#}",
                    Clean(&self.homeserver),
                    Clean(error)
                )?;
                writeln!(out, "{QUIET}the rooms could not be checked{QUIET:#}")?;
                for finding in rooms::beside_sources(&self.desired.findings) {
                    note(out, "", finding)?;
                }
            }
        }
        self.verdict(out)
    }

    fn verdict(&self, out: &mut impl Write) -> fmt::Result {
        let in_the_way = self.in_the_way();
        write!(out, "\n{HEADLINE}check:{HEADLINE:#} ")?;
        if self.works() {
            writeln!(out, "{ADD}works{ADD:#}")?;
        } else if in_the_way.is_empty() {
            writeln!(out, "{FAILED}not fixed, see above{FAILED:#}")?;
        } else {
            writeln!(
                out,
                "{FAILED}something cannot work, see above{FAILED:#} ({})",
                in_the_way.join(", ")
            )?;
        }
        let next = self.next();
        if !next.is_empty() {
            let next: Vec<String> = next.iter().map(|command| clean(command)).collect();
            let first = if next == [AGAIN] {
                "correct what is marked above, then "
            } else {
                ""
            };
            writeln!(out, "next: {first}{}", next.join("; then "))?;
        }
        Ok(())
    }
}

fn advice(out: &mut impl Write, advice: &Advice) -> fmt::Result {
    let message = Clean(&advice.message);
    match advice.kind {
        AdviceKind::Fine => writeln!(out, "  {QUIET}{message}{QUIET:#}"),
        AdviceKind::Blocks => writeln!(out, "  {FAILED}error:{FAILED:#} {message}"),
        _ => writeln!(out, "  {NOTE}note:{NOTE:#} {message}"),
    }
}

impl Connected {
    fn write_text(&self, out: &mut String, base: &str) -> fmt::Result {
        self.server(out, base)?;
        self.account(out)?;
        for remedy in self.of_account.iter().filter(|remedy| remedy.blocks) {
            writeln!(out, "  {FAILED}error:{FAILED:#} {}", Clean(&remedy.message))?;
            steps(out, "    ", &remedy.steps, base)?;
        }
        self.limits_text(out)?;
        for remedy in self.of_account.iter().filter(|remedy| !remedy.blocks) {
            steps(out, "  ", &remedy.steps, base)?;
        }
        writeln!(out)?;
        let rooms = self.draft.plan.rooms();
        let shared = shared(rooms);
        let mut told = Told::default();
        let mut remedies = self.remedies.iter();
        rooms::statuses(out, rooms, |out, room| {
            let remedies = remedies.next().map_or(&[][..], |remedies| remedies);
            self.room_text(out, (room.plan(), remedies), base, &shared, &mut told)
        })?;
        for (message, count) in &shared {
            writeln!(
                out,
                "{NOTE}note:{NOTE:#} in {}: {}",
                counted(*count, "room", "rooms"),
                Clean(message)
            )?;
        }
        rooms::outside(out, self.draft.rooms_outside)?;
        self.notes(out)?;
        for finding in rooms::beside_sources(&self.draft.findings) {
            note(out, "", finding)?;
        }
        Ok(())
    }

    fn server(&self, out: &mut impl Write, base: &str) -> fmt::Result {
        let facts = &self.facts;
        let mut parts = Vec::new();
        if let Some(software) = &facts.software {
            let version = software.version.as_ref();
            let version = version.map_or_else(String::new, |version| format!(" {version}"));
            parts.push(format!("{}{version}", software.name));
        }
        match facts.spec_versions.as_slice() {
            [] => {}
            [one] => parts.push(format!("Matrix {one}")),
            [first, .., last] => parts.push(format!("Matrix {first} to {last}")),
        }
        if let Some(version) = &self.draft.identity.default_room_version {
            parts.push(format!("gives new rooms version {version}"));
        }
        if let [first, .., last] = facts.stable_room_versions.as_slice() {
            parts.push(format!("knows {first} to {last}"));
        }
        writeln!(out, "homeserver {}: {}", Clean(base), clean(&parts.join(", ")))
    }

    fn account(&self, out: &mut impl Write) -> fmt::Result {
        let mut parts = vec![match self.facts.admin {
            Some(true) => "an administrator of the homeserver",
            Some(false) => "an ordinary account, no administrator of the homeserver",
            None => "the homeserver does not tell whether it is an administrator",
        }];
        if self.facts.flags.contains(&AccountFlag::ApplicationService) {
            parts.push("of an application service");
        }
        writeln!(out, "account {}: {}", Clean(self.bot.as_str()), parts.join(", "))
    }

    /// What holds for several rooms.
    fn notes(&self, out: &mut impl Write) -> fmt::Result {
        let rooms = self.draft.plan.rooms().iter();
        if rooms
            .filter_map(|room| room.plan().seen.as_ref())
            .any(|seen| seen.encrypted)
        {
            writeln!(
                out,
                "{QUIET}encrypted rooms: the bot cannot read their messages, and need not{QUIET:#}"
            )?;
        }
        if let Some(patterns) = self.exempt() {
            let patterns: Vec<String> = patterns.iter().map(|pattern| format!("\"{pattern}\"")).collect();
            writeln!(
                out,
                "{NOTE}note:{NOTE:#} accounts of bridges are in rooms and in no group, so a sync may remove them; to \
                 keep them, in [accounts]: exempt = [{}]",
                clean(&patterns.join(", "))
            )?;
        }
        Ok(())
    }
}
