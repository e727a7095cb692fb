//! The words of codes: easy to say, each known by its first four letters. Data only.
//!
//! Invariants (tested): sorted, lower case, four to eight letters, no two begin with the same four.
//! Changing the list makes codes of one version unreadable for another.

/// The list, sorted.
#[rustfmt::skip]
pub const WORDS: &[&str] = &[
    "acorn", "actor", "album", "almond", "alpine", "amber", "anchor", "apple", "arctic", "arena", "arrow", "artist",
    "aspen", "atlas", "attic", "autumn", "avocado", "badge", "baker", "balcony", "bamboo", "banjo", "barley",
    "basket", "beacon", "beaver", "blanket", "blossom", "bonfire", "bottle", "boulder", "branch", "bridge", "bronze",
    "bubble", "bucket", "buffalo", "butter", "cabin", "cactus", "camera", "candle", "canvas", "canyon", "captain",
    "carbon", "carpet", "castle", "cedar", "cello", "chapel", "cherry", "chimney", "cinema", "circus", "citrus",
    "clover", "cobalt", "coconut", "comet", "compass", "copper", "coral", "cotton", "cradle", "crayon", "cricket",
    "crystal", "curtain", "cymbal", "daisy", "delta", "denim", "desert", "diamond", "dinner", "dolphin", "domino",
    "donkey", "dragon", "drummer", "eagle", "easel", "echo", "eclipse", "elephant", "ember", "emerald", "engine",
    "envelope", "evening", "fabric", "falcon", "feather", "ferry", "fiddle", "finger", "flamingo", "flute", "forest",
    "fossil", "fountain", "furnace", "galaxy", "garden", "garlic", "geyser", "ginger", "giraffe", "glacier", "goblet",
    "granite", "guitar", "hammer", "harbor", "hazel", "hedgehog", "helmet", "heron", "hickory", "hockey", "honey",
    "horizon", "hotel", "iceberg", "igloo", "indigo", "island", "ivory", "jacket", "jaguar", "jasmine", "jersey",
    "jigsaw", "jockey", "journal", "jungle", "juniper", "kayak", "kernel", "kettle", "kingdom", "kitchen", "koala",
    "ladder", "lagoon", "lantern", "laptop", "laurel", "lemon", "leopard", "lettuce", "library", "lilac", "linen",
    "lizard", "lobster", "locket", "lotus", "magnet", "mango", "maple", "marble", "market", "meadow", "melon",
    "meteor", "mirror", "mitten", "mosaic", "mountain", "muffin", "museum", "mustard", "napkin", "nebula", "nectar",
    "needle", "nickel", "noodle", "nutmeg", "oasis", "oatmeal", "ocean", "octopus", "olive", "onion", "opera",
    "orange", "orbit", "orchid", "oregano", "otter", "oyster", "paddle", "palace", "panda", "papaya", "parade",
    "parrot", "pasture", "peanut", "pebble", "pelican", "penguin", "pepper", "piano", "picnic", "pigeon", "pillow",
    "pirate", "planet", "pocket", "poncho", "portal", "potato", "prairie", "pretzel", "prism", "puffin", "pumpkin",
    "puzzle", "pyramid", "quartz", "quilt", "rabbit", "radar", "radish", "rainbow", "raven", "ribbon", "river",
    "robot", "rocket", "rooster", "rowboat", "ruby", "saddle", "saffron", "salmon", "sandal", "satin", "scarf",
    "seashell", "shadow", "shelter", "silver", "sketch", "skyline", "slipper", "snowman", "sparrow", "spider",
    "spring", "squirrel", "stadium", "statue", "summer", "sunset", "tablet", "tango", "teapot", "temple", "tennis",
    "terrace", "thimble", "thunder", "tiger", "timber", "toffee", "tomato", "torch", "tractor", "trumpet", "tulip",
    "tundra", "turtle", "umbrella", "unicorn", "valley", "vanilla", "velvet", "village", "vinegar", "violin",
    "volcano", "voyage", "waffle", "wagon", "walnut", "walrus", "whale", "willow", "window", "winter", "wombat",
    "yellow", "yogurt", "zebra", "zenith", "zigzag", "zipper",
];
