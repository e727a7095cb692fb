//! What travels on a host's interfaces, read from a raw socket in its namespace.
//!
//! A test enters a namespace by running itself there: `read_the_wire_for_another_test` prints each
//! frame in hexadecimal.

use crate::hosts::Host;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddrV4},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

/// Set for the process that reads.
const READER: &str = "LAB_READS_THE_WIRE";
/// All kinds of frames.
const EVERY_PROTOCOL: u16 = 3;

/// One packet, in the order in which they went.
#[derive(Clone, Debug)]
pub enum Packet {
    /// A datagram over IPv4.
    Datagram {
        from: SocketAddrV4,
        to: SocketAddrV4,
        bytes: Vec<u8>,
    },
    /// The beginning of a TCP connection.
    Syn {
        from: SocketAddrV4,
        to: SocketAddrV4,
    },
}

/// Reads until it is dropped.
pub struct Wire {
    child: Child,
    frames: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Wire {
    /// Begins to read on all interfaces of a host; returns when nothing is missed any more.
    pub fn of(host: &Host) -> Self {
        let mut child = Command::new("ip")
            .args(["netns", "exec", &host.name()])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "wire::read_the_wire_for_another_test"])
            .arg("--nocapture")
            .env(READER, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The test runner has words of its own before that.
        let ready = lines.any(|line| line.is_ok_and(|line| line.ends_with("reading")));
        assert!(ready, "the wire cannot be read");
        let frames = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let all = frames.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let digit = |at: usize| u8::from_str_radix(&line[at..at + 2], 16);
                let bytes = (0..line.len()).step_by(2).map_while(|at| digit(at).ok());
                all.lock().unwrap().push(bytes.collect());
            }
        });
        Self { child, frames }
    }

    /// What went so far, outside of the loopback's own repetition.
    pub fn packets(&self) -> Vec<Packet> {
        let frames = self.frames.lock().unwrap();
        frames.iter().filter_map(|frame| packet(frame)).collect()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn packet(frame: &[u8]) -> Option<Packet> {
    let (kind, ip) = (frame.get(12..14)?, frame.get(14..)?);
    if kind != [8, 0] {
        return None;
    }
    let header = usize::from(ip.first()? & 0xf) * 4;
    let whole = ip.get(..u16::from_be_bytes([*ip.get(2)?, *ip.get(3)?]).into())?;
    let address = |at: usize| {
        Some(Ipv4Addr::from(
            <[u8; 4]>::try_from(ip.get(at..at + 4)?).ok()?,
        ))
    };
    let inner = whole.get(header..)?;
    let port = |at: usize| Some(u16::from_be_bytes([*inner.get(at)?, *inner.get(at + 1)?]));
    let from = SocketAddrV4::new(address(12)?, port(0)?);
    let to = SocketAddrV4::new(address(16)?, port(2)?);
    match ip.get(9)? {
        17 => {
            let bytes = inner.get(8..)?.to_vec();
            Some(Packet::Datagram { from, to, bytes })
        }
        // SYN without ACK.
        6 if inner.get(13)? & 0x12 == 0x02 => Some(Packet::Syn { from, to }),
        _ => None,
    }
}

#[test]
fn read_the_wire_for_another_test() {
    if std::env::var_os(READER).is_none() {
        return;
    }
    let every = Protocol::from(i32::from(EVERY_PROTOCOL.to_be()));
    let mut socket = Socket::new(Domain::PACKET, Type::RAW, Some(every)).unwrap();
    println!("reading");
    let mut frame = vec![0; 1 << 16];
    loop {
        let length = socket.read(&mut frame).unwrap();
        let digits = frame[..length].iter().map(|byte| format!("{byte:02x}"));
        let line: String = digits.collect();
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}
