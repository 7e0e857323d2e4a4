//! The events of the Nexmark benchmark: an auction site where people join, open auctions and bid.
//!
//! Numbers, proportions and sizes are those that Flink's `nexmark` repository has as defaults, with one split:
//!
//! ```text
//!  number   0 │ 1 2 3 │ 4 5 ........ 49 │ 50 │ 51 52 53 │ 54 ...        event k happens at start + k / rate
//!          person auctions    46 bids    person  auctions   bids
//! ```
//! * half of the bids are on one hot auction: the first of the last hundred; the others on the newest 100, or 10 not opened yet;
//! * three quarters are by one hot bidder, and three quarters of the auctions by one hot seller; the others by the newest 1000
//!   people, or 10 who have not joined yet;
//! * half come through one of four channels, half through one of 10,000;
//! * `extra` fills an event up to about 200 (person), 500 (auction), 100 (bid) bytes.
//!
//! An event depends on its number and the seed alone. So a longer stream begins with the shorter one, and a part of it can be made
//! without the rest. One slip of the original is not repeated: it adds the first person's id to a bidder's twice.

use std::sync::Arc;

use chrono::DateTime;
use serde::{Serialize, Serializer};

/// In every round of so many events one person joins, auctions are opened, and the rest are bids.
pub const ROUND: u64 = 50;
const AUCTIONS: u64 = 3;

const FIRST_ID: u64 = 1000;
const FIRST_CATEGORY: u64 = 10;
const CATEGORIES: u64 = 5;
/// Auctions that are open at a time, on average.
const IN_FLIGHT: u64 = 100;
const ACTIVE_PEOPLE: u64 = 1000;
/// How far ahead of the newest person or auction an event may point.
const LEAD: u64 = 10;
/// One of so many people or auctions is hot.
const HOT: u64 = 100;
const CHANNELS: u32 = 10_000;
const HOT_CHANNELS: [&str; 4] = ["Google", "Facebook", "Baidu", "Apple"];
const PADDING: usize = 1 << 20;

const STATES: [&str; 6] = ["AZ", "CA", "ID", "OR", "WA", "WY"];
const CITIES: [&str; 10] =
    ["Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"];
const FIRST_NAMES: [&str; 11] = ["Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"];
const LAST_NAMES: [&str; 9] = ["Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"];

/// When events happen, and which of all streams it is.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// Another seed, other events.
    pub seed: u64,
    /// The time of the first event, in milliseconds since 1970.
    pub start: i64,
    /// Events per second of event time.
    pub rate: u64,
}

/// A time in milliseconds since 1970, written as `2024-05-01 12:00:00.000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub i64);

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = DateTime::from_timestamp_millis(self.0).ok_or_else(|| serde::ser::Error::custom("a time that no calendar has"))?;
        serializer.collect_str(&time.format("%Y-%m-%d %H:%M:%S%.3f"))
    }
}

/// A row of the topic: one of the three is there, and `event_type` says which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// 0 a person, 1 an auction, 2 a bid.
    pub event_type: u8,
    /// Who joined.
    pub person: Option<Person>,
    /// What was opened.
    pub auction: Option<Auction>,
    /// What was offered.
    pub bid: Option<Bid>,
}

/// A person who joins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the published names")]
pub struct Person {
    pub id: u64,
    pub name: String,
    pub email_address: String,
    pub credit_card: String,
    pub city: &'static str,
    pub state: &'static str,
    pub date_time: Millis,
    pub extra: String,
}

/// Something for sale until it expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the published names")]
pub struct Auction {
    pub id: u64,
    pub item_name: String,
    pub description: String,
    pub initial_bid: u64,
    pub reserve: u64,
    pub date_time: Millis,
    pub expires: Millis,
    pub seller: u64,
    pub category: u64,
    pub extra: String,
}

/// An offer for an auction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the published names")]
pub struct Bid {
    pub auction: u64,
    pub bidder: u64,
    pub price: u64,
    pub channel: Arc<str>,
    pub url: Arc<str>,
    pub date_time: Millis,
    pub extra: String,
}

/// Makes events by number.
#[derive(Debug)]
pub struct Generator {
    config: Config,
    /// Names and URLs; the hot ones come after the others.
    channels: Vec<(Arc<str>, Arc<str>)>,
    /// Letters that every `extra` is cut from.
    padding: String,
}

impl Generator {
    /// A stream of events.
    pub fn new(config: Config) -> Self {
        let mut random = Random::new(config.seed, u64::MAX);
        let mut channels: Vec<(Arc<str>, Arc<str>)> = Vec::with_capacity(CHANNELS as usize + HOT_CHANNELS.len());
        for i in 0..CHANNELS {
            let mut url = base_url(&mut random);
            if random.below(10) > 0 {
                url += &format!("&channel_id={}", i.cast_signed().reverse_bits().unsigned_abs());
            }
            channels.push((format!("channel-{i}").into(), url.into()));
        }
        channels.extend(HOT_CHANNELS.iter().map(|name| (Arc::from(*name), Arc::from(base_url(&mut random)))));
        let padding = (0..PADDING).map(|_| random.letter()).collect();
        Self { config, channels, padding }
    }

    /// Event number `n`.
    pub fn event(&self, n: u64) -> Event {
        let mut random = Random::new(self.config.seed, n);
        let nothing = Event { event_type: 0, person: None, auction: None, bid: None };
        match n % ROUND {
            0 => Event { event_type: 0, person: Some(self.person(n, &mut random)), ..nothing },
            1..=AUCTIONS => Event { event_type: 1, auction: Some(self.auction(n, &mut random)), ..nothing },
            _ => Event { event_type: 2, bid: Some(self.bid(n, &mut random)), ..nothing },
        }
    }

    fn time(&self, n: u64) -> Millis {
        Millis(self.config.start + (n * 1000 / self.config.rate).cast_signed())
    }

    fn person(&self, n: u64, random: &mut Random) -> Person {
        let name = format!("{} {}", random.one_of(&FIRST_NAMES), random.one_of(&LAST_NAMES));
        let email_address = format!("{}@{}.com", random.text(7, ' '), random.text(5, ' '));
        let [a, b, c, d] = [(); 4].map(|()| random.below(10_000));
        let credit_card = format!("{a:04} {b:04} {c:04} {d:04}");
        let (city, state) = (random.one_of(&CITIES), random.one_of(&STATES));
        let size = 8 + name.len() + email_address.len() + credit_card.len() + city.len() + state.len();
        let extra = self.extra(random, size, 200);
        Person { id: FIRST_ID + newest_person(n), name, email_address, credit_card, city, state, date_time: self.time(n), extra }
    }

    fn auction(&self, n: u64, random: &mut Random) -> Auction {
        let seller = if random.below(4) > 0 { newest_person(n) / HOT * HOT } else { any_person(n, random) };
        let category = FIRST_CATEGORY + random.below(CATEGORIES);
        let initial_bid = random.price();
        let date_time = self.time(n);
        // Twice the time in which the auctions come that are open on average.
        let longest = (self.time(n + IN_FLIGHT * ROUND / AUCTIONS).0 - date_time.0).unsigned_abs() * 2;
        let expires = Millis(date_time.0 + 1 + random.below(longest.max(1)).cast_signed());
        let (item_name, description) = (random.text(20, ' '), random.text(100, ' '));
        let reserve = initial_bid + random.price();
        let extra = self.extra(random, 8 + item_name.len() + description.len() + 5 * 8, 500);
        Auction {
            id: FIRST_ID + newest_auction(n),
            item_name,
            description,
            initial_bid,
            reserve,
            date_time,
            expires,
            seller: FIRST_ID + seller,
            category,
            extra,
        }
    }

    fn bid(&self, n: u64, random: &mut Random) -> Bid {
        let auction = if random.below(2) > 0 { newest_auction(n) / HOT * HOT } else { any_auction(n, random) };
        // Not the first, who is the hot seller.
        let bidder = if random.below(4) > 0 { newest_person(n) / HOT * HOT + 1 } else { any_person(n, random) };
        let price = random.price();
        let channels = u64::from(CHANNELS);
        let channel = if random.below(2) > 0 { channels + random.below(HOT_CHANNELS.len() as u64) } else { random.below(channels) };
        let (channel, url) = self.channels[channel as usize].clone();
        let extra = self.extra(random, 4 * 8, 100);
        Bid { auction: FIRST_ID + auction, bidder: FIRST_ID + bidder, price, channel, url, date_time: self.time(n), extra }
    }

    /// What brings an event of `size` bytes to about `wanted`: a fifth more or less of what is missing.
    fn extra(&self, random: &mut Random, size: usize, wanted: usize) -> String {
        let missing = wanted.saturating_sub(size);
        let spread = (missing as f64 * 0.2).round() as usize;
        let length = missing - spread + random.below((2 * spread).max(1) as u64) as usize;
        let from = random.below((PADDING - length) as u64) as usize;
        self.padding[from..from + length].to_string()
    }
}

/// The newest person at event `n`, counted from 0.
fn newest_person(n: u64) -> u64 {
    n / ROUND
}

/// One of the active people, or one who will join soon.
fn any_person(n: u64, random: &mut Random) -> u64 {
    let people = newest_person(n) + 1;
    let active = people.min(ACTIVE_PEOPLE);
    people - active + random.below(active + LEAD)
}

/// The newest auction at event `n`, an auction or a bid, counted from 0.
fn newest_auction(n: u64) -> u64 {
    n / ROUND * AUCTIONS + (n % ROUND).clamp(1, AUCTIONS) - 1
}

/// One of the auctions that may be open, or one that will be soon.
fn any_auction(n: u64, random: &mut Random) -> u64 {
    let newest = newest_auction(n);
    let oldest = newest.saturating_sub(IN_FLIGHT);
    oldest + random.below(newest - oldest + 1 + LEAD)
}

fn base_url(random: &mut Random) -> String {
    let [a, b, c] = [(); 3].map(|()| random.text(5, '_'));
    format!("https://www.nexmark.com/{a}/{b}/{c}/item.htm?query=1")
}

/// SplitMix64: what is drawn is the same in every version and on every machine, so topics can be kept.
struct Random(u64);

impl Random {
    fn new(seed: u64, n: u64) -> Self {
        Self(mix(seed ^ mix(n)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number from 0 up to `n`, without `n`; `n` is small against 2⁶⁴.
    fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    fn one_of<'a>(&mut self, names: &[&'a str]) -> &'a str {
        names[self.below(names.len() as u64) as usize]
    }

    fn letter(&mut self) -> char {
        char::from(b'a' + self.below(26) as u8)
    }

    /// At least 3 and fewer than `most` letters, one of 13 replaced by `special`.
    fn text(&mut self, most: u64, special: char) -> String {
        let length = 3 + self.below(most - 3);
        let text: String = (0..length).map(|_| if self.below(13) == 0 { special } else { self.letter() }).collect();
        text.trim().to_string()
    }

    /// From 100 to 100,000,000, most of them low.
    fn price(&mut self) -> u64 {
        let part = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        (10_f64.powf(part * 6.0) * 100.0).round() as u64
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
