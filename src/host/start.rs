//! The module's entry: hands the proxy's callbacks to [`Plugin`] and [`Stream`].

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

use super::abi::Proxy;
use super::{Flow, Host as _, Level, Plugin, Stream};

proxy_wasm::main! {{
    // A panic is a trap; what can still be said is said.
    std::panic::set_hook(Box::new(|panic| Proxy.log(Level::Error, &format!("mcp_toolgate: {panic}"))));
    proxy_wasm::set_root_context(|_| Box::new(Root(Plugin::default())));
}}

struct Root(Plugin);

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, length: usize) -> bool {
        self.0.configure(&Proxy, length)
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http(self.0.stream(Proxy))))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Http(Stream<Proxy>);

impl Context for Http {}

impl HttpContext for Http {
    /// Comes before the access log is written, so that what is set here is in it.
    fn on_log(&mut self) {
        self.0.on_end();
    }

    fn on_http_request_headers(&mut self, _count: usize, end: bool) -> Action {
        action(self.0.on_request_headers(end))
    }

    fn on_http_request_body(&mut self, length: usize, end: bool) -> Action {
        action(self.0.on_request_body(length, end))
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        action(self.0.on_request_trailers())
    }

    fn on_http_response_headers(&mut self, _count: usize, _end: bool) -> Action {
        action(self.0.on_response_headers())
    }
}

fn action(flow: Flow) -> Action {
    match flow {
        Flow::Continue => Action::Continue,
        Flow::Pause => Action::Pause,
    }
}
