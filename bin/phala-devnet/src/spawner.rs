//! Starts children from one thread that never ends.
//!
//! The kernel's "kill me when my parent dies" means the *thread* that started the child. Runtimes and
//! tests end threads at will, so none of theirs may be that parent.

use std::{
    io,
    process::{Child, Command},
    sync::{
        OnceLock,
        mpsc::{Sender, channel},
    },
    thread,
};

type Order = (Command, Sender<io::Result<Child>>);

pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = channel::<Order>();
        thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                for (mut command, reply) in inbox {
                    // Whoever asked may be gone; then the child ends with its handle.
                    let _ = reply.send(command.spawn());
                }
            })
            .expect("a system that has threads");
        orders
    });
    let (reply, answer) = channel();
    spawner.send((command, reply)).expect("the spawner never ends");
    answer.recv().expect("the spawner answers every order")
}
