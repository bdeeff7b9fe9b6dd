//! The shells, how each is set up by a person who follows kubectl's manual, and how each shows what TAB found.

use std::{io, path::Path, sync::LazyLock};

use testbed::{is_skipped, record_skip, requirements};

/// What Debian calls the shells and what they need, and a file of each.
const PACKAGES: [(&str, &str); 5] = [
    ("tmux", "/usr/bin/tmux"),
    (
        "bash-completion",
        "/usr/share/bash-completion/bash_completion",
    ),
    ("zsh", "/usr/bin/zsh"),
    ("fish", "/usr/bin/fish"),
    ("elvish", "/usr/bin/elvish"),
];

const MARK: &str = "Z";

/// A shell and its manners.
pub(super) struct Shell {
    pub(super) name: &'static str,
    pub(super) arguments: &'static [&'static str],
    /// Read at its start, below the home folder.
    pub(super) start_file: &'static str,
    pub(super) start_text: &'static str,
    /// How often TAB is pressed until all that fits is listed.
    pub(super) presses_to_list: usize,
    /// Between a word and what it is, in a list.
    pub(super) description_mark: &'static str,
    /// Typed behind TAB, it shows that the shell is done with that.
    pub(super) mark: &'static str,
    pub(super) clearing: Clearing,
    pub(super) quotes: Quotes,
}

/// How a line is given up, with what is listed below it.
#[derive(Clone, Copy)]
pub(super) enum Clearing {
    /// Control-U and Control-L.
    Redraw,
    /// Escape closes the list.
    CloseList,
    /// Control-C.
    GiveUp,
}

/// What becomes of quotes on the line when kubectl's script for the shell asks kubectl.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    Kept,
    /// A quoted word with a blank is taken for two.
    Lost,
}

pub(super) const BASH: Shell = Shell {
    name: "bash",
    arguments: &["--noprofile", "-i"],
    start_file: ".bashrc",
    start_text: "PS1='> '
        . /usr/share/bash-completion/bash_completion
        . <(kubectl completion bash)
        . <(kubectl-trainer completion bash)
        ",
    presses_to_list: 2,
    description_mark: "(",
    mark: MARK,
    clearing: Clearing::Redraw,
    quotes: Quotes::Kept,
};

pub(super) const ZSH: Shell = Shell {
    name: "zsh",
    arguments: &["-d", "-i"],
    start_file: ".zshrc",
    start_text: "PS1='> '
        autoload -Uz compinit && compinit -u
        source <(kubectl completion zsh)
        source <(kubectl-trainer completion zsh)
        ",
    presses_to_list: 1,
    description_mark: "-- ",
    mark: MARK,
    clearing: Clearing::Redraw,
    quotes: Quotes::Kept,
};

/// Without its grey suggestions, which nobody has typed.
pub(super) const FISH: Shell = Shell {
    name: "fish",
    arguments: &["-i"],
    start_file: ".config/fish/config.fish",
    start_text: "set -g fish_greeting
        set -g fish_autosuggestion_enabled 0
        function fish_prompt; echo '> '; end
        kubectl completion fish | source
        kubectl-trainer completion fish | source
        ",
    presses_to_list: 1,
    description_mark: "(",
    mark: MARK,
    clearing: Clearing::Redraw,
    quotes: Quotes::Lost,
};

/// kubectl has nothing for this one.
pub(super) const ELVISH: Shell = Shell {
    name: "elvish",
    arguments: &["-i"],
    start_file: ".config/elvish/rc.elv",
    start_text: "set edit:prompt = { put '> ' }
        set edit:rprompt = { }
        eval (kubectl-trainer completion elvish | slurp)
        ",
    presses_to_list: 1,
    description_mark: "(",
    mark: "",
    clearing: Clearing::CloseList,
    quotes: Quotes::Kept,
};

/// With the prompt of one who has none, and kubectl's plugin as it says itself.
pub(super) const NUSHELL: Shell = Shell {
    name: "nu",
    arguments: &[],
    start_file: ".config/nushell/config.nu",
    start_text: "$env.PROMPT_COMMAND = ''
        $env.PROMPT_COMMAND_RIGHT = ''
        $env.PROMPT_INDICATOR = '> '
        $env.config.show_banner = false
        source kubectl-trainer.nu
        use completions *
        ",
    presses_to_list: 1,
    description_mark: "",
    mark: "",
    clearing: Clearing::GiveUp,
    quotes: Quotes::Kept,
};

/// Whether the shells are here, or were brought. Where they cannot be, the running test is skipped, which is recorded.
pub(crate) fn are_here() -> bool {
    static PROVIDED: LazyLock<Result<(), String>> = LazyLock::new(|| {
        let packages = PACKAGES.map(|(package, file)| (package, Path::new(file)));
        requirements::provide_packages(&packages, &mut io::stderr())
            .map_err(|error| error.to_string())
    });
    if is_skipped() {
        return false;
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        let missing = PACKAGES.iter().find(|(_, file)| !Path::new(file).exists());
        if let Some((package, _)) = missing {
            record_skip(&format!("not installed: {package}"));
            return false;
        }
    }
    PROVIDED.as_ref().unwrap();
    true
}
