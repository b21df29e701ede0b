//! Whether the emulator is faithful: by Microsoft's own client, and by the examples of Microsoft's reference pages.

mod emulator;
mod reader;
mod reference;
mod replay;
mod sdk;
mod sdk_delta;
mod sdk_errors;
mod shape;
mod world;
