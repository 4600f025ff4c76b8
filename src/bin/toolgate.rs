//! `toolgate`: checks policies and decides requests offline, with the engine of the filter.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    mcp_toolgate::cli::main()
}

/// There is no command line inside a proxy.
#[cfg(target_arch = "wasm32")]
fn main() {}
