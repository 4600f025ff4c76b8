//! Which Envoy to start, and by what.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::version::Version;

/// Names the version of Envoy to test in; unset for the one that `envoy/get-envoy.sh` takes by itself.
const ENVOY_VERSION: &str = "ENVOY_VERSION";

/// A way of starting Envoy.
#[derive(Clone, Debug)]
pub enum Launcher {
    /// The binary itself.
    Direct {
        /// Envoy.
        envoy: PathBuf,
    },
    /// `func-e run`, told to use the given binary.
    FuncE {
        /// func-e.
        func_e: PathBuf,
        /// Envoy.
        envoy: PathBuf,
    },
}

impl Launcher {
    /// The Envoy that `envoy/get-envoy.sh` finds or fetches.
    ///
    /// # Panics
    ///
    /// When there is none to be had.
    #[must_use]
    pub fn direct() -> Self {
        let envoy = envoy_binary().to_owned();
        Self::Direct { envoy }
    }

    /// The same Envoy through func-e: `FUNC_E`, or the one that
    /// `tests/sdk/install.sh` builds.
    ///
    /// # Panics
    ///
    /// When there is no func-e.
    #[must_use]
    pub fn func_e() -> Self {
        let func_e = env::var_os("FUNC_E")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/func-e/func-e"), PathBuf::from);
        assert!(
            func_e.is_file(),
            "no func-e at {}: run `sh tests/sdk/install.sh func-e`, or set FUNC_E",
            func_e.display()
        );
        let envoy = envoy_binary().to_owned();
        Self::FuncE { func_e, envoy }
    }

    /// The command that runs Envoy with this bootstrap.
    #[must_use]
    pub fn command(&self, bootstrap: &Path) -> Command {
        let mut command = match self {
            Self::Direct { envoy } => Command::new(envoy),
            Self::FuncE { func_e, envoy } => {
                let mut command = Command::new(func_e);
                command.arg("run").env("ENVOY_PATH", envoy);
                // What func-e keeps of a run goes where the bootstrap is, and away with it.
                command.env("FUNC_E_HOME", bootstrap.with_file_name("func-e"));
                command
            }
        };
        command.arg("-c").arg(bootstrap);
        command
    }
}

impl fmt::Display for Launcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct { envoy } => write!(f, "{}", envoy.display()),
            Self::FuncE { func_e, .. } => write!(f, "{} run", func_e.display()),
        }
    }
}

/// Asked once for all tests; the script answers at once where Envoy has been fetched before.
#[must_use]
pub fn envoy_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/get-envoy.sh");
        let output = Command::new("sh").arg(script).args(env::var_os(ENVOY_VERSION)).output();
        let output = output.expect("`sh` runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "no Envoy to be had: {said}");
        let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        // `ENVOY_PATH` goes before the version that is asked for, and may lead anywhere.
        let wanted = env::var(ENVOY_VERSION).unwrap_or_default();
        let is_wanted = wanted.is_empty() || Version::of(&path).to_string() == wanted;
        assert!(is_wanted, "{} is not the Envoy {wanted} that {ENVOY_VERSION} asks for", path.display());
        path
    })
}
