// All words of a server's page, as in the table of a node's page: a key and the sentence in each language.

export const WORDS = {
  title: { en: "Rendezvous server", de: "Rendezvous-Server" },
  what: {
    en: "This server brings nodes of sprat together that are on different networks, so that people can share and send files from machine to machine. It shows nobody's files and cannot read what it passes on.",
    de: "Dieser Server bringt Knoten von sprat zusammen, die in verschiedenen Netzen sind, damit Menschen Dateien von Rechner zu Rechner teilen und senden können. Er zeigt niemandes Dateien und kann nicht lesen, was er weitergibt.",
  },
  "here.one": { en: "{n} node is here", de: "{n} Knoten ist da" },
  "here.other": { en: "{n} nodes are here", de: "{n} Knoten sind da" },
  away: { en: "The server does not answer.", de: "Der Server antwortet nicht." },
  language: { en: "Language", de: "Sprache" },
  copy: { en: "Copy", de: "Kopieren" },
  copied: { en: "Copied", de: "Kopiert" },

  // Joining
  join: { en: "Join", de: "Beitreten" },
  "join.text": {
    en: "Start sprat with this line, on every machine that is to join. The code holds the same line.",
    de: "Starten Sie sprat mit dieser Zeile, auf jedem Rechner, der dabei sein soll. Der Code enthält dieselbe Zeile.",
  },
  qr: { en: "The line to join as a QR code", de: "Die Zeile zum Beitreten als QR-Code" },
  none: { en: "No sprat yet?", de: "Noch kein sprat?" },
  "none.text": {
    en: "It is one program. Ask the person who gave you this address for it, or build it: in the folder of its source, with Rust installed, type",
    de: "Es ist ein einziges Programm. Bitten Sie darum, wer Ihnen diese Adresse gegeben hat, oder bauen Sie es: Geben Sie im Ordner der Quellen, wenn Rust installiert ist, ein:",
  },

  // A name
  signup: { en: "Sign up", de: "Anmelden" },
  "signup.text": {
    en: "A name makes you easy to find, and nobody else can have it here. See whether it is free; then your own node signs for it, with its key. Nothing is sent but the name.",
    de: "Mit einem Namen sind Sie leicht zu finden, und niemand sonst kann ihn hier haben. Sehen Sie nach, ob er frei ist; dann unterschreibt Ihr eigener Knoten dafür, mit seinem Schlüssel. Nichts als der Name wird gesendet.",
  },
  name: { en: "Name", de: "Name" },
  check: { en: "Is it free?", de: "Ist er frei?" },
  free: { en: "free", de: "frei" },
  "free.text": { en: "{name} is free now. It is yours when your node has signed.", de: "{name} ist jetzt frei. Der Name gehört Ihnen, wenn Ihr Knoten unterschrieben hat." },
  taken: { en: "taken", de: "vergeben" },
  "taken.text": { en: "{name}, or a name that looks like it, is somebody else's, or yours already.", de: "{name} oder ein Name, der so aussieht, gehört jemand anderem oder schon Ihnen." },
  wrong: { en: "A name has 1 to 64 bytes and no control characters.", de: "Ein Name hat 1 bis 64 Byte und keine Steuerzeichen." },
  slow: { en: "Too many names were tried from your network. Try again in a minute.", de: "Aus Ihrem Netz wurden zu viele Namen versucht. Versuchen Sie es in einer Minute noch einmal." },
  full: { en: "The server takes no names now: its disk is full or fails.", de: "Der Server nimmt jetzt keine Namen an: Seine Platte ist voll oder versagt." },
  open: { en: "Sign up with my node", de: "Mit meinem Knoten anmelden" },
  command: { en: "Or type, at the shell of your machine:", de: "Oder geben Sie auf der Kommandozeile Ihres Rechners ein:" },

  // People
  find: { en: "Find people", de: "Personen finden" },
  "find.text": {
    en: "Only people of the same swarm may search for one another. A browser cannot prove that it belongs to one, so this page shows no names: your own node searches, on its page or at the shell.",
    de: "Nur wer zum selben Schwarm gehört, darf nach anderen suchen. Ein Browser kann das nicht beweisen, darum zeigt diese Seite keine Namen: Ihr eigener Knoten sucht, auf seiner Seite oder auf der Kommandozeile.",
  },
  "find.open": { en: "Search with my node", de: "Mit meinem Knoten suchen" },

  // The page of a node
  node: { en: "The page of your node", de: "Die Seite Ihres Knotens" },
  "node.text": {
    en: "The buttons above open the page of the node on this machine. If nothing opens, no node with a page runs here: start it with --web, as in the line to join followed by --web. If the page says that it has to be opened by sprat, type the following, and then use the button again:",
    de: "Die Knöpfe oben öffnen die Seite des Knotens auf diesem Rechner. Öffnet sich nichts, läuft hier kein Knoten mit einer Seite: Starten Sie ihn mit --web, also mit der Zeile zum Beitreten und --web dahinter. Sagt die Seite, dass sie von sprat geöffnet werden muss, geben Sie Folgendes ein und benutzen Sie den Knopf dann noch einmal:",
  },
  "node.port": { en: "The page of my node has port {port} (sprat web prints it).", de: "Die Seite meines Knotens hat Port {port} (sprat web zeigt ihn)." },
  port: { en: "Port of the node's page", de: "Port der Seite des Knotens" },

  // The owner
  owner: { en: "For the server's owner", de: "Für den Betreiber" },
  "owner.text": { en: "The token lies in the server's home, in .sprat/api.token.", de: "Das Token liegt im Ordner des Servers, in .sprat/api.token." },
  exposed: { en: "not encrypted", de: "unverschlüsselt" },
  "exposed.text": {
    en: "Others on the way can read what you type here. Better: ssh -L 8080:127.0.0.1:PORT SERVER, or a proxy with TLS before this page.",
    de: "Andere auf dem Weg können lesen, was Sie hier eingeben. Besser: ssh -L 8080:127.0.0.1:PORT SERVER, oder ein Proxy mit TLS vor dieser Seite.",
  },
  token: { en: "Token", de: "Token" },
  "token.wrong": { en: "That is not the token of this server.", de: "Das ist nicht das Token dieses Servers." },
  show: { en: "Show", de: "Zeigen" },
  "what.row": { en: "What", de: "Was" },
  now: { en: "Now", de: "Jetzt" },
  most: { en: "At most", de: "Höchstens" },
  share: { en: "Taken", de: "Belegt" },
  connections: { en: "Connections", de: "Verbindungen" },
  names: { en: "Names", de: "Namen" },
  registrations: { en: "Registrations", de: "Einträge" },
  reservations: { en: "Reservations", de: "Reservierungen" },
  circuits: { en: "Circuits", de: "Weiterleitungen" },
  relay_rate: { en: "Relayed a second", de: "Weitergeleitet pro Sekunde" },
  nodes: { en: "Nodes here", de: "Knoten hier" },
  introduced: { en: "Pairs introduced", de: "Paare bekannt gemacht" },
  relayed: { en: "Relayed so far", de: "Bisher weitergeleitet" },
  each: { en: "For each client", de: "Für jeden Knoten" },
  "each.text": { en: "{circuits} circuits of {size} and {time}; {connections} connections from one address", de: "{circuits} Weiterleitungen zu {size} und {time}; {connections} Verbindungen von einer Adresse" },
  since: { en: "Running for", de: "Läuft seit" },
};
