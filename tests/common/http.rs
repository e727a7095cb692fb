//! A client of HTTP/1.1 of few words, which reads answers as browsers and players do.

use super::DEADLINE;
use socket2::{Domain, Socket, Type};
use std::{
    io::{self, BufRead as _, BufReader, Read, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
};

/// This machine, as guests come from it.
pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// An answer whose head came; its body is read from it, and an error where that breaks off.
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    stream: BufReader<TcpStream>,
    /// Bytes of the body, or of its chunk, that are still to come.
    left: u64,
    chunked: bool,
}

/// The host and the path of an address.
fn parts(address: &str) -> (SocketAddr, String) {
    let rest = address.strip_prefix("http://").expect("plain http");
    let (host, path) = rest.split_once('/').expect("a path");
    (host.parse().unwrap(), format!("/{path}"))
}

/// Connects from this address of the machine.
pub fn connect(from: IpAddr, address: &str) -> io::Result<TcpStream> {
    let (host, _) = parts(address);
    let socket = Socket::new(Domain::for_address(host), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    socket.connect_timeout(&host.into(), DEADLINE)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    Ok(stream)
}

/// Sends the head of a request whose body is to have `length` bytes. `headers`: whole lines.
pub fn begin(
    stream: &mut TcpStream,
    method: &str,
    address: &str,
    headers: &str,
    length: u64,
) -> io::Result<()> {
    let (host, path) = parts(address);
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    )
}

/// Asks from an address of this machine; an error where nobody answers.
pub fn ask_from(
    from: IpAddr,
    method: &str,
    address: &str,
    headers: &str,
    body: &[u8],
) -> io::Result<Answer> {
    let mut stream = connect(from, address)?;
    begin(&mut stream, method, address, headers, body.len() as u64)?;
    stream.write_all(body)?;
    Answer::of(stream, method)
}

#[track_caller]
pub fn ask(method: &str, address: &str, headers: &str, body: &[u8]) -> Answer {
    let answer = ask_from(HERE, method, address, headers, body);
    answer.unwrap_or_else(|error| panic!("{method} {address}: {error}"))
}

#[track_caller]
pub fn get(address: &str) -> Answer {
    ask("GET", address, "", b"")
}

#[track_caller]
pub fn get_range(address: &str, range: &str) -> Answer {
    ask("GET", address, &format!("Range: bytes={range}\r\n"), b"")
}

impl Answer {
    /// Reads the head of the answer to a request with this method.
    pub fn of(stream: TcpStream, method: &str) -> io::Result<Self> {
        let mut stream = BufReader::new(stream);
        let status = line(&mut stream)?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        let mut headers = Vec::new();
        loop {
            let header = line(&mut stream)?;
            let Some((name, value)) = header.split_once(':') else {
                break;
            };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Self {
            status,
            headers,
            stream,
            left: 0,
            chunked: false,
        };
        if method != "HEAD" {
            answer.chunked = answer.header("transfer-encoding") == Some("chunked");
            let length = answer.header("content-length").map(str::parse);
            answer.left = length.transpose().unwrap().unwrap_or(0);
        }
        Ok(answer)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(key, _)| key == name);
        found.map(|(_, value)| &**value)
    }

    /// All of the body.
    #[track_caller]
    pub fn bytes(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).expect("all of the body");
        bytes
    }

    #[track_caller]
    pub fn text(self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

impl Read for Answer {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.chunked && self.left == 0 {
            let size = line(&mut self.stream)?;
            let size = u64::from_str_radix(&size, 16);
            self.left = size.map_err(|_| io::ErrorKind::InvalidData)?;
            self.chunked = self.left > 0;
        }
        let most = self.left.min(out.len() as u64) as usize;
        let read = self.stream.read(&mut out[..most])?;
        if read == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        if self.chunked && self.left == 0 {
            line(&mut self.stream)?;
        }
        Ok(read)
    }
}

fn line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}
