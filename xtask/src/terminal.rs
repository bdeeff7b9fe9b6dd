//! Programs on a pseudo-terminal, whose other side reads as fast as it can.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Large enough that whoever writes never waits for long.
const BLOCK: usize = 256 << 10;

/// How large a terminal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: u16,
    pub(crate) rows: u16,
}

/// Runs a program on a terminal of this size to its end, and hands over all that it sends there, as it comes.
pub(crate) fn run_on_terminal(
    mut command: Command,
    size: Size,
    mut take: impl FnMut(&[u8]),
) -> io::Result<ExitStatus> {
    let (mut ours, theirs) = pair(size)?;
    command.stdin(OwnedFd::from(theirs.try_clone()?));
    command.stdout(OwnedFd::from(theirs.try_clone()?));
    command.stderr(OwnedFd::from(theirs));
    let mut child = command.spawn()?;
    // Only the child keeps its side, so that reading ends when it does: with an error, as terminals do.
    drop(command);
    let mut block = vec![0; BLOCK];
    while let Ok(read @ 1..) = ours.read(&mut block) {
        take(&block[..read]);
    }
    child.wait()
}

/// Our side, and that of a program.
fn pair(size: Size) -> io::Result<(File, File)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let window = Winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&ours, window)?;
    let name = ptsname(&ours, Vec::new())?;
    let path = name.to_string_lossy().into_owned();
    let theirs = File::options().read(true).write(true).open(path)?;
    Ok((File::from(ours), theirs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_sees_a_terminal_of_that_size_and_all_that_it_sends_arrives() {
        let mut sent = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "stty size; exit 3"]);
        let size = Size {
            columns: 91,
            rows: 17,
        };
        let status = run_on_terminal(command, size, |bytes| sent.extend_from_slice(bytes)).unwrap();
        assert_eq!(sent, b"17 91\r\n");
        assert_eq!(status.code(), Some(3));
    }
}
