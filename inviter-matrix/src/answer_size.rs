//! How much an answer that is read as it comes may hold: a homeserver, or whatever answers in its place, must not fill
//! the memory of this program.

use std::{error::Error as StdError, fmt};

/// The largest parts of an answer that are taken in. What is larger is not read on, and what it was about stays unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnswerSizes {
    /// Bytes of one event. The specification allows 64 KiB ("Size limits"); a homeserver adds to that, and may write every
    /// character of it as an escape of six.
    pub event: u64,
    /// Bytes of all that is told of one room.
    pub room: u64,
    /// Bytes of one `/sync`, which tells of all rooms.
    pub sync: u64,
    /// Bytes of all names in the homeserver's list of users, which is kept for the length of a run.
    pub users: u64,
}

impl Default for AnswerSizes {
    /// 1 MiB for an event, 1 GiB for a room (two million members, at the 500 bytes that a member takes), 16 GiB for
    /// everything, and 512 MiB for names (ten million, at 50 bytes). What is kept of a member is less than what was
    /// told, so these bound the memory that is needed.
    fn default() -> Self {
        Self {
            event: 1 << 20,
            room: 1 << 30,
            sync: 16 << 30,
            users: 512 << 20,
        }
    }
}

/// The deepest nesting that is read on. Events of a Matrix room do not come near: other readers stop at 100 to 1000.
const MAX_DEPTH: usize = 1000;
/// Where `/sync` has what is told of a room: `rooms`, its section, the room.
const ROOM_DEPTH: usize = 4;

/// Why an answer was not read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TooLarge {
    /// An element of a list, or a name or value.
    Part(u64),
    /// A room in `/sync`.
    Room(u64),
    /// All of it.
    Answer(u64),
    /// Lists and objects within each other.
    Depth,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part(limit) => write!(f, "a single part of it has more than {}", Bytes(*limit)),
            Self::Room(limit) => write!(f, "a single room in it has more than {}", Bytes(*limit)),
            Self::Answer(limit) => write!(f, "it has more than {}", Bytes(*limit)),
            Self::Depth => write!(f, "it is nested more than {MAX_DEPTH} levels deep"),
        }
    }
}

impl StdError for TooLarge {}

struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => write!(f, "{} MiB", bytes >> 20),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}

/// Which answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A list of the events of one room.
    Room,
    /// A `/sync`.
    Sync,
}

/// Looks at the bytes of an answer before anything is made of them. It knows just enough of JSON to tell where parts
/// begin and end; whether they are well-formed is for the parser to say.
#[derive(Debug)]
pub(crate) struct Gate {
    sizes: AnswerSizes,
    shape: Shape,
    total: u64,
    /// Bytes since the last bracket, comma or colon: a name, a value, or blanks.
    run: u64,
    in_string: bool,
    escaped: bool,
    /// Whether each of what is open is a list.
    open: Vec<bool>,
    /// Depth and beginning of the outermost element of a list that is a list or object itself.
    element: Option<(usize, u64)>,
    /// Beginning of the room that is open.
    room: Option<u64>,
}

impl Gate {
    pub(crate) const fn new(sizes: AnswerSizes, shape: Shape) -> Self {
        Self {
            sizes,
            shape,
            total: 0,
            run: 0,
            in_string: false,
            escaped: false,
            open: Vec::new(),
            element: None,
            room: None,
        }
    }

    /// Lets the next bytes pass.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        let limit = match self.shape {
            Shape::Room => self.sizes.room,
            Shape::Sync => self.sizes.sync,
        };
        for &byte in bytes {
            self.total += 1;
            self.run += 1;
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
            } else {
                self.structure(byte)?;
            }
            if self.run > self.sizes.event {
                return Err(TooLarge::Part(self.sizes.event));
            }
            if self.total > limit {
                return Err(TooLarge::Answer(limit));
            }
        }
        if self
            .element
            .is_some_and(|(_, began)| self.total - began > self.sizes.event)
        {
            return Err(TooLarge::Part(self.sizes.event));
        }
        if self
            .room
            .is_some_and(|began| self.total - began > self.sizes.room)
        {
            return Err(TooLarge::Room(self.sizes.room));
        }
        Ok(())
    }

    fn structure(&mut self, byte: u8) -> Result<(), TooLarge> {
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => {
                self.run = 0;
                if self.element.is_none() && self.open.last() == Some(&true) {
                    self.element = Some((self.open.len(), self.total));
                }
                if self.open.len() == MAX_DEPTH {
                    return Err(TooLarge::Depth);
                }
                self.open.push(byte == b'[');
                if self.shape == Shape::Sync && self.open.len() == ROOM_DEPTH {
                    self.room = Some(self.total);
                }
            }
            b'}' | b']' => {
                self.run = 0;
                self.open.pop();
                if let Some((depth, began)) = self.element
                    && self.open.len() == depth
                {
                    if self.total - began > self.sizes.event {
                        return Err(TooLarge::Part(self.sizes.event));
                    }
                    self.element = None;
                }
                if let Some(began) = self.room
                    && self.open.len() < ROOM_DEPTH
                {
                    if self.total - began > self.sizes.room {
                        return Err(TooLarge::Room(self.sizes.room));
                    }
                    self.room = None;
                }
            }
            b',' | b':' => self.run = 0,
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: AnswerSizes = AnswerSizes {
        event: 100,
        room: 300,
        sync: 1000,
        users: 0,
    };

    /// The same verdict whichever pieces it comes in.
    #[track_caller]
    fn check(shape: Shape, text: &str, expected: Result<(), TooLarge>) {
        for size in [1, 7, text.len().max(1)] {
            let mut gate = Gate::new(SMALL, shape);
            let verdict = text
                .as_bytes()
                .chunks(size)
                .try_for_each(|chunk| gate.pass(chunk));
            assert_eq!(verdict, expected, "in pieces of {size}: {text}");
        }
    }

    fn text(len: usize) -> String {
        "x".repeat(len)
    }

    #[test]
    fn events_and_names_and_values() {
        let part = Err(TooLarge::Part(100));
        let events = |event: &str| format!("[{}]", [event; 3].join(","));
        check(Shape::Room, &events(r#"{"content":{"a":[{"b":1}]}}"#), Ok(()));
        // Brackets and quotation marks within strings are text.
        check(Shape::Room, &events(r#"{"a":"]}[{\"\\"}"#), Ok(()));
        check(Shape::Room, &format!(r#"[{{"a":"{}"}}]"#, text(101)), part);
        // Of many small things as of one large one.
        check(
            Shape::Room,
            &format!("[{{{}}}]", vec![r#""a":1"#; 40].join(",")),
            part,
        );
        check(Shape::Room, &format!("[[{}]]", vec!["1"; 80].join(",")), part);
        check(Shape::Room, &format!("[{}", "1".repeat(101)), part);
        check(Shape::Room, &format!(r#"{{"{}"#, text(101)), part);
        check(Shape::Sync, &format!(r#"{{"next_batch":"{}"#, text(101)), part);
    }

    #[test]
    fn rooms_and_the_whole() {
        let room = |events: usize| {
            let events = vec![r#"{"type":"a","content":{}}"#; events].join(",");
            format!(r#"{{"state":{{"events":[{events}]}}}}"#)
        };
        let sync = |rooms: usize, events: usize| {
            let rooms: Vec<String> = (0..rooms)
                .map(|n| format!(r#""!{n}:x":{}"#, room(events)))
                .collect();
            format!(r#"{{"rooms":{{"join":{{{}}}}}}}"#, rooms.join(","))
        };
        check(Shape::Sync, &sync(3, 8), Ok(()));
        check(Shape::Sync, &sync(1, 20), Err(TooLarge::Room(300)));
        check(Shape::Sync, &sync(6, 8), Err(TooLarge::Answer(1000)));
        check(
            Shape::Room,
            &format!("[{}]", vec!["1"; 200].join(",")),
            Err(TooLarge::Answer(300)),
        );
        // Blanks are bytes as well.
        check(
            Shape::Room,
            &format!("[{}", " ".repeat(400)),
            Err(TooLarge::Part(100)),
        );
    }

    #[test]
    fn depth() {
        let mut gate = Gate::new(AnswerSizes::default(), Shape::Sync);
        let deep = r#"{"a":"#.repeat(MAX_DEPTH + 1);
        assert_eq!(gate.pass(deep.as_bytes()), Err(TooLarge::Depth));
        let mut gate = Gate::new(AnswerSizes::default(), Shape::Room);
        assert_eq!(gate.pass("[".repeat(MAX_DEPTH).as_bytes()), Ok(()));
    }

    #[test]
    fn an_event_with_all_that_the_specification_allows_passes() {
        let mut gate = Gate::new(AnswerSizes::default(), Shape::Room);
        // 65,536 bytes of content, each written as an escape of six.
        let event = format!(r#"[{{"content":{{"body":"{}"}}}}]"#, r"\u0041".repeat(65_536));
        assert_eq!(gate.pass(event.as_bytes()), Ok(()));
    }
}
