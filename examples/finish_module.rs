//! `finish_module IN OUT`: takes out of a built module what the filter does not use, and writes it in one piece.
//!
//! The SDK exports every callback that proxy-wasm knows, and a proxy calls each that is exported, for each request
//! and each piece of a body. A callback that does nothing still costs a way into the module and back.

#![allow(clippy::print_stdout, reason = "a command prints")]

use std::path::Path;
use std::process::ExitCode;

use walrus::{Module, passes};

/// What the proxy needs to run the module, and the callbacks in which the filter does something.
const EXPORTS: [&str; 12] = [
    "_initialize",
    "memory",
    "proxy_abi_version_0_2_1",
    "proxy_on_configure",
    "proxy_on_context_create",
    "proxy_on_delete",
    "proxy_on_log",
    "proxy_on_memory_allocate",
    "proxy_on_request_body",
    "proxy_on_request_headers",
    "proxy_on_request_trailers",
    "proxy_on_response_headers",
];

/// The cap of the module's linear memory: 128 MiB, in pages of 64 KiB. What does not fit is refused, never taken from the
/// proxy.
const MAX_MEMORY_PAGES: u64 = 2048;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output] = arguments.as_slice() else {
        eprintln!("usage: finish_module IN OUT");
        return ExitCode::FAILURE;
    };
    match finish(Path::new(input), Path::new(output)) {
        Ok(bytes) => {
            println!("{output}: {bytes} bytes");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("finish_module: {error}");
            ExitCode::FAILURE
        }
    }
}

fn finish(input: &Path, output: &Path) -> Result<usize, String> {
    let mut module = Module::from_file(input).map_err(|error| format!("{}: {error:#}", input.display()))?;
    for wanted in EXPORTS {
        if !module.exports.iter().any(|export| export.name == wanted) {
            return Err(format!("{}: has no export `{wanted}`", input.display()));
        }
    }
    let unused: Vec<_> = module
        .exports
        .iter()
        .filter(|export| !EXPORTS.contains(&export.name.as_str()))
        .map(walrus::Export::id)
        .collect();
    for id in unused {
        module.exports.delete(id);
    }
    for memory in module.memories.iter_mut() {
        memory.maximum = Some(MAX_MEMORY_PAGES);
    }
    passes::gc::run(&mut module);
    let bytes = module.emit_wasm();
    let partial = output.with_extension("partial");
    std::fs::write(&partial, &bytes).map_err(|error| format!("{}: {error}", partial.display()))?;
    std::fs::rename(&partial, output).map_err(|error| format!("{}: {error}", output.display()))?;
    Ok(bytes.len())
}
