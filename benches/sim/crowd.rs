//! What a crowd costs, and how well it does: a line for each number of nodes.

use crate::room::{Room, Scenario};
use std::time::{Duration, Instant};

/// A room of so many: how they get to know one another, what that costs, and what becomes of it
/// when a third is replaced a minute, when the network is cut in two, and when it loses datagrams.
fn membership(nodes: usize) {
    let began = Instant::now();
    let second = Duration::from_secs(1);
    // Thousands take hours: what is known goes to the error output.
    let tell = |what: String| {
        let took = began.elapsed().as_secs();
        eprintln!("{nodes} nodes, after {took} s: {what}");
    };
    let mut room = Room::new(Scenario {
        loss: 0.05,
        ..Scenario::room(nodes)
    });
    let joined = room.until_known(99, 120 * second);
    let joined = joined.saturating_sub(room.scenario.spread);
    let most = room.most_connections();
    tell(format!(
        "each knew 99 % after {:.1} s, with {most} connections",
        joined.as_secs_f64()
    ));
    // What was made to get acquainted is closed by then.
    room.run(room.now + 60 * second, |_| false);
    let then = (room.now, room.totals);
    room.run(room.now + 30 * second, |_| false);
    let (idle, said) = (room.bytes_since(then), room.datagrams_since(then));
    let (connections, lacks) = (room.connections(), room.lacks());
    tell(format!(
        "idle {idle:.0} B, {said:.1} datagrams, {connections} connections, {lacks:.2} lacking"
    ));
    let looked: Vec<_> = (0..5).map(|_| room.look(second)).collect();
    let slowest = looked.iter().map(|it| it.took).max().unwrap_or_default();
    let short = looked.iter().filter(|it| it.rows < nodes).count();
    let unsaid = looked
        .iter()
        .filter(|it| it.rows < nodes && it.settled)
        .count();
    let news = room.news(0, 60 * second);
    tell(format!(
        "a newcomer's list {slowest:?}, {short} short and {unsaid} without a word; news {news:?}"
    ));
    let dead = room.deaths((nodes / 100).max(2), 180 * second);
    tell(format!("deaths known after {dead:?}"));
    // Three in ten are replaced each minute: half of them say goodbye.
    let then = (room.now, room.totals);
    let churn = room.churn(0.3, 60 * second);
    let (cost, kinds) = (room.bytes_since(then), room.kinds_since(then));
    let lost = room.totals.lost;
    tell(format!(
        "churn {cost:.0} B, {lost} taken for gone though here"
    ));
    let news_in_churn = room.news(churn, 60 * second);
    // A third is cut off for half a minute.
    room.cut(|n| u8::from(n % 3 == 0));
    room.run(room.now + 30 * second, |_| false);
    room.cut(|_| 0);
    let healed = room.until_known(99, 120 * second);
    println!(
        "{nodes:>6} {:>8.1} {:>6} {:>8.0} {said:>6.1} {:>8.1} {lacks:>6.2} {:>10.2} {short:>3} / {unsaid:<3} {:>8.2} {:>6.1} {:>9.0} {:>8.2} {lost:>5} {:>8.1} {:>8.1}",
        joined.as_secs_f64(),
        most,
        idle,
        2.0 * connections as f64 / nodes as f64,
        slowest.as_secs_f64(),
        news.as_secs_f64(),
        dead.as_secs_f64(),
        cost,
        news_in_churn.as_secs_f64(),
        healed.as_secs_f64(),
        began.elapsed().as_secs_f64(),
    );
    let names = "beacons connections cards everybody compare catalogs".split(' ');
    let kinds = names
        .zip(kinds)
        .map(|(name, bytes)| format!("{name} {bytes:.0}"));
    let kinds: Vec<String> = kinds.collect();
    println!("       the churn's bytes: {}", kinds.join(", "));
}

pub fn memberships(sizes: &[usize]) {
    println!(
        "{:>6} {:>8} {:>6} {:>8} {:>6} {:>8} {:>6} {:>10} {:>9} {:>8} {:>6} {:>9} {:>8} {:>5} {:>8} {:>8}",
        "nodes",
        "joined s",
        "most",
        "B/node/s",
        "said/s",
        "each has",
        "lacks",
        "newcomer s",
        "short/mum",
        "news s",
        "dead s",
        "churn B/s",
        "news s",
        "lost",
        "healed s",
        "took s"
    );
    for nodes in sizes {
        membership(*nodes);
    }
    println!("all on two processors, begun at once:");
    for nodes in [80, 150] {
        let mut room = Room::new(Scenario::lab(nodes));
        room.run(Duration::from_secs(120), Room::all_know_all);
        println!(
            "{nodes:>6} {:>8.1} s until all know {}, {} dials, {} taken for gone though here",
            room.now.as_secs_f64(),
            room.least_known(),
            room.totals.dials,
            room.totals.lost
        );
    }
}
