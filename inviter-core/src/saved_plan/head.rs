//! What a saved plan was asked to be about.

use serde::{Deserialize, Serialize};

use super::{SavedPlan, SavedPlanError};
use crate::{
    patterns::Patterns,
    room_template::Argument,
    scope::{Scope, Selection},
};

/// The most patterns, arguments or rooms that a plan may have been asked for: the file of a person has few.
const MAX_ASKED: usize = 10_000;
/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 1_000;

/// A scope as it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedScope {
    /// Of rooms.
    pub rooms: SavedPatterns,
    /// Of groups.
    pub groups: SavedPatterns,
}

/// Patterns as they are saved.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPatterns {
    /// A name has to match one of each of these lists.
    pub include: Vec<Vec<String>>,
    /// No name may match one of these.
    pub exclude: Vec<Vec<String>>,
}

impl SavedScope {
    pub(super) fn of(scope: &Scope) -> Self {
        let of = |selection: &Selection| {
            let lists = |all: &[Patterns]| all.iter().map(|some| some.patterns().to_vec()).collect();
            let (include, exclude) = selection.lists();
            SavedPatterns {
                include: lists(include),
                exclude: lists(exclude),
            }
        };
        Self {
            rooms: of(&scope.rooms),
            groups: of(&scope.groups),
        }
    }

    pub(super) fn scope(&self) -> Result<Scope, SavedPlanError> {
        Ok(Scope {
            rooms: self.rooms.selection()?,
            groups: self.groups.selection()?,
        })
    }
}

impl SavedPatterns {
    fn selection(&self) -> Result<Selection, SavedPlanError> {
        let all = || self.include.iter().chain(&self.exclude).flatten();
        if self.include.len() + self.exclude.len() + all().count() > MAX_ASKED {
            return Err(SavedPlanError::wrong(format!(
                "it has more than {MAX_ASKED} patterns"
            )));
        }
        if let Some(long) = all().find(|pattern| pattern.len() > MAX_PATTERN) {
            return Err(SavedPlanError::wrong(format!(
                "a pattern has {} characters",
                long.chars().count()
            )));
        }
        let compiled = |list: &Vec<String>| {
            let compiled = Patterns::new(list.iter().cloned());
            compiled.map_err(|error| SavedPlanError::wrong(error.to_string()))
        };
        let mut selection = Selection::default();
        for list in &self.include {
            selection = selection.and(Selection::new(compiled(list)?, Patterns::default()));
        }
        for list in &self.exclude {
            selection = selection.and(Selection::new(Patterns::default(), compiled(list)?));
        }
        Ok(selection)
    }
}

impl SavedPlan {
    pub(super) fn arguments(&self) -> Result<Vec<Argument>, SavedPlanError> {
        if self.asked_arguments.len() > MAX_ASKED || self.asked_rooms.len() > MAX_ASKED {
            return Err(SavedPlanError::wrong(format!(
                "it was asked for more than {MAX_ASKED} rooms or arguments"
            )));
        }
        let read = |text: &String| Argument::parse(text).map_err(SavedPlanError::wrong);
        self.asked_arguments.iter().map(read).collect()
    }
}
