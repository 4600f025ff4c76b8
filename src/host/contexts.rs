//! What the proxy speaks of by number: plugins, and the streams of each.

use super::{Host, Plugin, Stream};

/// All contexts of one worker, in the order of their numbers.
pub(super) struct Contexts<H>(Vec<(u32, Context<H>)>);

enum Context<H> {
    Plugin(Plugin),
    Stream(Box<Stream<H>>),
}

impl<H: Host> Contexts<H> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Makes a plugin (`root` is 0), or a stream of the plugin `root`. A number that is not known stays so: what
    /// comes for it goes nowhere.
    pub(super) fn create(&mut self, id: u32, root: u32, host: H) {
        let context = match self.get(root) {
            _ if root == 0 => Context::Plugin(Plugin::default()),
            Some(Context::Plugin(plugin)) => Context::Stream(Box::new(plugin.stream(host))),
            Some(Context::Stream(_)) | None => return,
        };
        // Numbers grow, so that this is the end but for a number that begins again at 1.
        let at = self.0.partition_point(|(other, _)| *other < id);
        self.0.insert(at, (id, context));
    }

    pub(super) fn delete(&mut self, id: u32) {
        if let Ok(at) = self.find(id) {
            self.0.remove(at);
        }
    }

    pub(super) fn plugin(&mut self, id: u32) -> Option<&mut Plugin> {
        match self.get(id)? {
            Context::Plugin(plugin) => Some(plugin),
            Context::Stream(_) => None,
        }
    }

    pub(super) fn stream(&mut self, id: u32) -> Option<&mut Stream<H>> {
        match self.get(id)? {
            Context::Stream(stream) => Some(stream),
            Context::Plugin(_) => None,
        }
    }

    fn get(&mut self, id: u32) -> Option<&mut Context<H>> {
        let at = self.find(id).ok()?;
        self.0.get_mut(at).map(|(_, context)| context)
    }

    fn find(&self, id: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&id, |(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Head, HeaderBlock, HostError, Level, MetricKind};
    use super::*;
    use std::time::Duration;

    /// A proxy that refuses every call.
    struct Mute;

    const REFUSED: HostError = HostError { call: "any", status: 2 };

    impl Host for Mute {
        fn property(&self, _path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
            Err(REFUSED)
        }

        fn set_property(&self, _name: &str, _value: &[u8]) -> Result<(), HostError> {
            Err(REFUSED)
        }

        fn configuration(&self, _length: usize) -> Result<Vec<u8>, HostError> {
            Err(REFUSED)
        }

        fn request_headers(&self) -> Result<HeaderBlock, HostError> {
            Err(REFUSED)
        }

        fn response_header(&self, _name: &str) -> Result<Option<Vec<u8>>, HostError> {
            Err(REFUSED)
        }

        fn request_body(&self, _length: usize) -> Result<Vec<u8>, HostError> {
            Err(REFUSED)
        }

        fn response_body(&self, _length: usize) -> Result<Vec<u8>, HostError> {
            Err(REFUSED)
        }

        fn set_response_body(&self, _length: usize, _text: &[u8]) -> Result<(), HostError> {
            Err(REFUSED)
        }

        fn remove_header(&self, _of: Head, _name: &str) -> Result<(), HostError> {
            Err(REFUSED)
        }

        fn set_response_header(&self, _name: &str, _value: &str) -> Result<(), HostError> {
            Err(REFUSED)
        }

        fn reply(&self, _status: u16, _headers: &[(&str, &str)], _body: &[u8]) -> Result<(), HostError> {
            Err(REFUSED)
        }

        fn reset(&self) -> Result<(), HostError> {
            Err(REFUSED)
        }

        fn define_metric(&self, _kind: MetricKind, _name: &str) -> Result<u32, HostError> {
            Err(REFUSED)
        }

        fn increment_metric(&self, _id: u32, _by: i64) -> Result<(), HostError> {
            Err(REFUSED)
        }

        fn record_metric(&self, _id: u32, _value: u64) -> Result<(), HostError> {
            Err(REFUSED)
        }

        fn now(&self) -> Option<Duration> {
            None
        }

        fn log(&self, _level: Level, _line: &str) {}
    }

    fn contexts(created: &[(u32, u32)]) -> Contexts<Mute> {
        let mut contexts = Contexts::new();
        for (id, root) in created {
            contexts.create(*id, *root, Mute);
        }
        contexts
    }

    #[test]
    fn a_number_is_a_plugin_or_a_stream_of_one_and_never_both() {
        let mut contexts = contexts(&[(1, 0), (2, 1), (3, 0)]);
        for (id, is_plugin, is_stream) in
            [(0, false, false), (1, true, false), (2, false, true), (3, true, false), (4, false, false)]
        {
            assert_eq!((contexts.plugin(id).is_some(), contexts.stream(id).is_some()), (is_plugin, is_stream), "{id}");
        }
    }

    #[test]
    fn a_stream_of_what_is_no_plugin_is_not_made() {
        let mut contexts = contexts(&[(1, 0), (2, 1), (3, 2), (4, 9)]);
        assert!(contexts.stream(3).is_none() && contexts.stream(4).is_none());
    }

    #[test]
    fn numbers_come_and_go_in_any_order() {
        let mut contexts = contexts(&[(5, 0), (u32::MAX, 5), (7, 5), (6, 5)]);
        contexts.delete(7);
        contexts.delete(7);
        assert!(contexts.stream(6).is_some() && contexts.stream(7).is_none() && contexts.stream(u32::MAX).is_some());
        // A stream outlives its plugin.
        contexts.delete(5);
        assert!(contexts.plugin(5).is_none() && contexts.stream(6).is_some());
        contexts.create(7, 5, Mute);
        assert!(contexts.stream(7).is_none());
    }
}
