//! `finish_module IN OUT`: caps the memory of a built module, and writes it anew, which makes it smaller: the linker
//! leaves room in every number.

#![allow(clippy::print_stdout, reason = "a command prints")]

use std::path::Path;
use std::process::ExitCode;

use walrus::{ModuleConfig, passes};

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
    let mut config = ModuleConfig::new();
    config.generate_producers_section(false);
    let mut module = config.parse_file(input).map_err(|error| format!("{}: {error:#}", input.display()))?;
    for memory in module.memories.iter_mut() {
        memory.maximum = Some(MAX_MEMORY_PAGES);
    }
    // The linker's own marks: nobody asks for them.
    for mark in ["__data_end", "__heap_base"] {
        let _ = module.exports.remove(mark);
    }
    passes::gc::run(&mut module);
    let bytes = module.emit_wasm();
    let partial = output.with_extension("partial");
    std::fs::write(&partial, &bytes).map_err(|error| format!("{}: {error}", partial.display()))?;
    std::fs::rename(&partial, output).map_err(|error| format!("{}: {error}", output.display()))?;
    Ok(bytes.len())
}
