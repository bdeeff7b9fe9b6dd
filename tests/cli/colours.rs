//! Colours: on a terminal or when asked for, never otherwise.

use crate::plugin::plugin;

fn is_coloured(arguments: &[&str], environment: &[(&str, &str)]) -> bool {
    let command = plugin()
        .args(["explain"])
        .args(arguments)
        .envs(environment.iter().copied());
    command.assert().code(0).get_output().stdout.contains(&0x1b)
}

#[test]
fn a_pipe_gets_no_colours_unless_they_are_forced() {
    assert!(!is_coloured(&[], &[]));
    assert!(is_coloured(&["--color", "always"], &[]));
    assert!(is_coloured(&[], &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn no_color_wins_over_force_and_the_flag_over_both() {
    let both = [("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")];
    assert!(!is_coloured(&[], &both));
    assert!(is_coloured(&["--color", "always"], &both));
    assert!(!is_coloured(&["--color", "never"], &both));
}
