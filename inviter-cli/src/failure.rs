//! Errors on standard error.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use inviter::config::ConfigErrors;
use inviter_operations::render::clean::Clean;

const ERROR: Style = AnsiColor::Red.on_default().bold();

/// Tells why nothing could be done: one sentence, with its causes if they are wanted.
pub(crate) fn tell(error: &anyhow::Error, causes: bool) {
    let mut stderr = anstream::stderr().lock();
    // There is nobody left to tell if this fails.
    let _ = write(&mut stderr, error, causes);
}

fn write(out: &mut impl Write, error: &anyhow::Error, causes: bool) -> std::io::Result<()> {
    if let Some(errors) = error.downcast_ref::<ConfigErrors>() {
        return config_errors(out, errors);
    }
    writeln!(
        out,
        "{ERROR}inviter: error:{ERROR:#} {}",
        Clean(&error.to_string())
    )?;
    if causes {
        let mut told = error.to_string();
        for cause in error.chain().skip(1) {
            let cause = cause.to_string();
            // A transparent error and its source say the same.
            if cause != told {
                writeln!(out, "  caused by: {}", Clean(&cause))?;
            }
            told = cause;
        }
    }
    Ok(())
}

/// All of them, since they are all to be corrected; a line for each.
fn config_errors(out: &mut impl Write, errors: &ConfigErrors) -> std::io::Result<()> {
    for error in errors.errors() {
        writeln!(
            out,
            "{ERROR}inviter: error:{ERROR:#} {}",
            Clean(&error.to_string())
        )?;
    }
    Ok(())
}
