use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
};

use parking_lot::Mutex;

use crate::DevnetError;

/// Ports handed out by this process: the system may offer one again before its user listens.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port nobody listens on, never the same one twice.
pub fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        if TAKEN.lock().insert(port) {
            return port;
        }
    }
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
    use super::*;

    #[test]
    fn ports_are_free_and_differ() {
        let ports: BTreeSet<u16> = (0..50).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 50);
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
