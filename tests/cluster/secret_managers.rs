//! The command lines with which the documents put a token into secret managers, run by a shell as they stand there. The
//! managers themselves are elsewhere; what each of their programs gets is what is looked at.

use std::{fs, os::unix::fs::PermissionsExt as _};

use testbed::Testbed;

use crate::team::{Team, claims};

/// The programs of the four managers.
const PROGRAMS: [&str; 4] = ["vault", "aws", "gcloud", "az"];

/// The lines of the document that hand a token on.
fn lines() -> Vec<&'static str> {
    let document = include_str!("../../docs/access.md");
    let lines = document.lines();
    lines
        .filter(|line| line.contains(" access token ") && line.contains('|'))
        .collect()
}

#[test]
fn every_secret_manager_gets_the_token_and_no_program_gets_it_as_an_argument() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(bed, "managers");
    let lines = lines();
    assert_eq!(lines.len(), PROGRAMS.len(), "{lines:#?}");
    let programs = team.file("programs");
    fs::create_dir(&programs).unwrap();
    for (program, line) in PROGRAMS.iter().zip(lines) {
        assert!(line.contains(&format!("| {program} ")), "{line}");
        let path = programs.join(program);
        let script = "#!/bin/sh\nprintf '%s\\n' \"$@\" > arguments\ncat > value\n";
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let line = line.replace("team-a", team.namespace.name());
        let line = format!("PATH=\"$PWD/programs:$PATH\"; {line}");
        let output = team.shell(&line);
        assert!(output.status.success(), "{line}: {output:?}");
        assert_eq!(output.stdout.len(), 0, "{line}");
        let read = |name: &str| fs::read_to_string(team.file(name)).unwrap();
        let (value, arguments) = (read("value"), read("arguments"));
        assert_eq!(value, value.trim(), "{line}");
        assert_eq!(claims(&value)["sub"], team.user(), "{line}");
        assert!(!arguments.contains(&value), "{line}");
        let is_read = ["=-", "/dev/stdin"]
            .iter()
            .any(|end| arguments.lines().any(|argument| argument.ends_with(end)));
        assert!(is_read, "{line}: it does not read its standard input");
    }
}
