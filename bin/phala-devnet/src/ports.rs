use std::{
    net::{Ipv4Addr, TcpListener},
    ops::Range,
};

use parking_lot::Mutex;

use crate::DevnetError;

/// Below the ports that systems give to outgoing connections: one of those could take a port before
/// its user listens, or while its user is restarted.
const FREE_PORTS: Range<u16> = 18_000..32_000;

/// Ports between the first ones of two processes that start one after the other.
const PROCESS_STRIDE: u32 = 997;

/// The port this process looks at next.
static NEXT: Mutex<Option<u16>> = Mutex::new(None);

/// A port nobody listens on; not the same one again before all others had their turn.
pub fn free_port() -> u16 {
    let mut next = NEXT.lock();
    for _ in FREE_PORTS {
        let port = next.unwrap_or_else(first_port);
        *next = Some(if port + 1 < FREE_PORTS.end { port + 1 } else { FREE_PORTS.start });
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("every port of {FREE_PORTS:?} is in use");
}

/// Another one for each process, as long as few run at once.
fn first_port() -> u16 {
    let count = u32::from(FREE_PORTS.end - FREE_PORTS.start);
    let offset = std::process::id().wrapping_mul(PROCESS_STRIDE) % count;
    FREE_PORTS.start + u16::try_from(offset).expect("less than a u16 was")
}

/// The port asked for, if nobody listens there; 0 asks for any.
pub(crate) fn claim(port: u16, user: &'static str, flag: &'static str) -> Result<u16, DevnetError> {
    if port == 0 {
        return Ok(free_port());
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map(|_| port)
        .map_err(|_| DevnetError::PortInUse { port, user, flag })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ports_are_free_and_differ() {
        let ports: BTreeSet<u16> = (0..50).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 50);
        assert!(ports.iter().all(|port| FREE_PORTS.contains(port)));
        assert!(claim(0, "a test", "--port").expect("any") > 0);
    }

    #[test]
    fn a_port_in_use_is_named_with_its_flag() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let error = claim(port, "L1", "--l1-port").expect_err("in use").to_string();
        assert_eq!(
            error,
            format!("port {port} is in use; choose another one for L1 with --l1-port")
        );
        drop(listener);
        assert_eq!(claim(port, "L1", "--l1-port").expect("free again"), port);
    }
}
