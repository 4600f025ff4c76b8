//! `pack_image MODULE DIRECTORY`: writes the module as an OCI image layout, and says how a `WasmPlugin` names it.

#![allow(clippy::print_stdout, reason = "a command prints")]

mod layout;

use std::path::Path;
use std::process::ExitCode;

use layout::Image;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, directory] = arguments.as_slice() else {
        eprintln!("usage: pack_image MODULE DIRECTORY");
        return ExitCode::FAILURE;
    };
    match pack(Path::new(module), Path::new(directory)) {
        Ok(image) => {
            let (digest, version) = (image.digest(), layout::VERSION);
            println!("{directory}: mcp-toolgate {version}, manifest sha256:{digest}");
            println!("For a WasmPlugin, once it is pushed:");
            println!("  url: oci://REGISTRY/mcp-toolgate:{version}");
            println!("  sha256: \"{digest}\"");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("pack_image: {error}");
            ExitCode::FAILURE
        }
    }
}

fn pack(module: &Path, directory: &Path) -> Result<Image, String> {
    let bytes = std::fs::read(module).map_err(|error| format!("{}: {error}", module.display()))?;
    let image = Image::of(&bytes).map_err(|error| format!("{}: {error}", module.display()))?;
    image.write(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    Ok(image)
}
