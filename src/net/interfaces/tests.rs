use super::*;

fn on(name: &str, ip: &str, prefix: u8) -> InterfaceAddr {
    InterfaceAddr {
        name: name.into(),
        index: 2,
        ip: ip.parse().unwrap(),
        prefix,
        broadcast: None,
    }
}

fn ips(links: &[InterfaceAddr]) -> Vec<String> {
    links.iter().map(|link| link.ip.to_string()).collect()
}

#[test]
fn loopback_is_always_there_and_can_be_heard_by_all() {
    let links = links(&[], &["127.0.0.1".parse().unwrap()]).unwrap();
    assert_eq!(ips(&links), ["127.0.0.1"]);
    assert_eq!(links[0].broadcast, Some(Ipv4Addr::new(127, 255, 255, 255)));
}

#[test]
fn interfaces_and_addresses_that_are_not_wanted_are_left_alone() {
    let all = vec![
        on("lo", "127.0.0.1", 8),
        on("lo", "::1", 128),
        on("eth0", "10.0.0.2", 24),
        on("eth0", "fe80::2", 64),
        on("eth0", "fd00::2", 64),
        on("eth0", "fd00::3", 64),
        on("wlan0", "192.168.1.5", 24),
        on("wlan0", "fe80::5", 64),
        on("tun0", "fe80::7", 64),
    ];
    let pick = |names: &[&str], listen: &[&str]| {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let listen: Vec<IpAddr> = listen.iter().map(|ip| ip.parse().unwrap()).collect();
        ips(&choose(all.clone(), &names, &listen))
    };
    let everything = ["127.0.0.1", "10.0.0.2", "192.168.1.5", "fd00::2", "fe80::7"];
    assert_eq!(pick(&[], &[]), everything);
    assert_eq!(pick(&["wlan0"], &[]), ["192.168.1.5"]);
    assert_eq!(pick(&[], &["127.0.0.1"]), ["127.0.0.1"]);
    assert_eq!(pick(&[], &["0.0.0.0"]), everything[..3]);
    assert_eq!(pick(&["lo"], &["10.0.0.2"]), [""; 0]);
    let containers = (0..100).map(|n| on(&format!("veth{n}"), "fe80::9", 64));
    let chosen = choose(all.into_iter().chain(containers).collect(), &[], &[]);
    assert_eq!(ips(&chosen)[..5], everything);
    assert_eq!(chosen.len(), 4 + LINK_LOCAL_ALONE);
}

#[test]
fn an_interface_stands_behind_the_address_by_name_or_number() {
    assert_eq!(zoned("[fe80::1]:9"), None);
    assert_eq!(zoned("nas:9"), None);
    assert_eq!(
        zoned("[fe80::1%7]:9"),
        Some(Ok("[fe80::1%7]:9".parse().unwrap()))
    );
    assert!(zoned("[fe80::1%lo]:9").unwrap().is_ok());
    let missing = zoned("[fe80::1%nowhere0]:9").unwrap().unwrap_err();
    assert!(missing.contains("nowhere0"), "{missing}");
    assert!(zoned("[x%lo]:9").unwrap().is_err());
}

#[test]
fn a_link_reaches_its_own_network() {
    let reaches = |ip, prefix, other: &str| on("x", ip, prefix).reaches(other.parse().unwrap());
    assert!(reaches("127.0.0.1", 8, "127.9.9.9"));
    assert!(reaches("10.0.0.2", 24, "10.0.0.255"));
    assert!(!reaches("10.0.0.2", 24, "10.0.1.1"));
    assert!(!reaches("10.0.0.2", 24, "fd00::1"));
    assert!(reaches("10.0.0.2", 24, "::ffff:10.0.0.9"));
    assert!(reaches("10.0.0.2", 0, "1.2.3.4"));
    assert!(reaches("fd00::2", 64, "fd00::9"));
    assert!(reaches("fd00::2", 64, "fe80::9"));
    assert!(!reaches("fd00::2", 128, "fd00::9"));
}

#[test]
fn what_is_on_a_network_of_this_machine_is_near() {
    for link in links(&[], &[]).unwrap() {
        assert!(is_near(link.ip), "{}", link.ip);
    }
    assert!(!is_near("240.0.0.1".parse().unwrap()));
}
