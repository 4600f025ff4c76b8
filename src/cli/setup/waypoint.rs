//! Where callers come from, beside where the filter stands: in a waypoint there is no TLS, elsewhere no tunnel.

use super::rules::{WAYPOINT_IDENTITY_ELSEWHERE, WAYPOINT_IDENTITY_MISSING};
use super::{Case, found};
use crate::cli::finding::Finding;
use crate::cli::source::{Object, Site, Spot};
use crate::config::IdentitySource;

/// The class of gateways that are waypoints.
pub(super) const CLASS: &str = "istio-waypoint";

pub(super) fn findings(case: &Case<'_, '_>) -> Vec<Finding> {
    let Some(config) = case.config else {
        return Vec::new();
    };
    let configuration = case.plugin.configuration();
    let finding = match (config.identity.source, place(case)) {
        (IdentitySource::IstioWaypoint, Place::Elsewhere) => {
            let message = "`source: istio_waypoint` outside a waypoint: nobody has an identity, unless something else \
                           there writes that filter state, and is believed";
            found(&WAYPOINT_IDENTITY_ELSEWHERE, &configuration, message, "remove `source`")
        }
        (IdentitySource::Connection, Place::Waypoint) => {
            let message = "where a waypoint has its filters there is no TLS: nobody has an identity, and everybody is \
                           refused";
            found(&WAYPOINT_IDENTITY_MISSING, &configuration, message, "write `identity: { source: istio_waypoint }`")
        }
        _ => return Vec::new(),
    };
    vec![finding]
}

/// What the filter stands in.
enum Place {
    Waypoint,
    Elsewhere,
    /// A gateway that is not in the file.
    Unknown,
}

fn place(case: &Case<'_, '_>) -> Place {
    let object = match &case.plugin.site {
        Site::Chain(chain, _) if chain.listener.get("internal_listener").is_there() => return Place::Unknown,
        Site::Extension(_) => return Place::Unknown,
        Site::Chain(..) => return Place::Elsewhere,
        Site::Patch(object, _) | Site::WasmPlugin(object) => object,
    };
    let places: Vec<Place> =
        object.target_refs().iter().map(|target| of_target(case, object.namespace(), target)).collect();
    let is_waypoint = |place: &Place| matches!(place, Place::Waypoint);
    match places.iter().any(is_waypoint) {
        true => Place::Waypoint,
        false if places.iter().any(|place| matches!(place, Place::Unknown)) => Place::Unknown,
        false => Place::Elsewhere,
    }
}

/// Services are judged in waypoints only; a gateway is what its class says.
fn of_target(case: &Case<'_, '_>, namespace: &str, target: &Spot<'_>) -> Place {
    let name = target.get("name").text().unwrap_or_default();
    match target.get("kind").text() {
        Some("Service" | "ServiceEntry") => Place::Waypoint,
        Some("GatewayClass") if name == CLASS => Place::Waypoint,
        Some("Gateway") => {
            let is_it = |object: &&Object<'_>| {
                object.kind == "Gateway" && object.namespace() == namespace && object.name() == name
            };
            let class = case.world.objects.iter().find(is_it).map(|it| it.spec().get("gatewayClassName"));
            match class.as_ref().and_then(Spot::text) {
                Some(CLASS) => Place::Waypoint,
                Some(_) => Place::Elsewhere,
                None => Place::Unknown,
            }
        }
        _ => Place::Unknown,
    }
}
