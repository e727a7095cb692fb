//! The `sprat` program: parses the command line, runs it, ends with its exit code. What the node
//! shows to other programs is joined to the front end here.

use sprat::{
    ui::{
        self,
        face::{Coming, Face, Openers, Page, PageWanted, Wanted},
    },
    web::{PageSettings, ServerPage, Web, open_localsend},
};
use std::{io, net::SocketAddr, process::ExitCode};

fn main() -> ExitCode {
    match ui::cli::read(std::env::args_os()) {
        Ok(cli) => ui::run(
            cli,
            Openers {
                node: open,
                server: open_page,
                localsend: |node| Box::pin(async move { open_localsend(&node).await }),
            },
        ),
        Err(exit) => exit,
    }
    .into()
}

/// The local API, as the front end opens and ends it.
struct Local(Web);

fn open(wanted: Wanted) -> Coming<Result<Box<dyn Face>, String>> {
    Box::pin(async move {
        let opened = Web::open(&wanted.node, wanted.page, wanted.run).await;
        let web = opened.map_err(|error| error.to_string())?;
        Ok(Box::new(Local(web)) as Box<dyn Face>)
    })
}

impl Face for Local {
    fn address(&self) -> io::Result<String> {
        self.0.address()
    }

    fn left(&self) -> Coming<()> {
        let left = self.0.left();
        Box::pin(left)
    }

    fn was_left(&self) -> bool {
        self.0.was_left()
    }

    fn close(self: Box<Self>) -> Coming<()> {
        Box::pin(self.0.close())
    }
}

/// The page of a server.
struct Reception(ServerPage);

fn open_page(wanted: PageWanted) -> Coming<Result<Box<dyn Page>, String>> {
    Box::pin(async move {
        let settings = PageSettings {
            at: wanted.at,
            hosts: wanted.hosts,
            quotas: wanted.quotas,
        };
        let opened = ServerPage::open(wanted.desk, settings).await;
        let page = opened.map_err(|error| error.to_string())?;
        Ok(Box::new(Reception(page)) as Box<dyn Page>)
    })
}

impl Page for Reception {
    fn address(&self) -> SocketAddr {
        self.0.address()
    }

    fn close(self: Box<Self>) -> Coming<()> {
        Box::pin(self.0.close())
    }
}
