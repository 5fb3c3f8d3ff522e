//! Talk of no consequence, out of templates and a seed: it uses the words of the questions, too.

use super::dice::Dice;

const USER: [&str; 30] = [
    "What do you think of {thing}?",
    "I watched a film about {thing} yesterday, and the end was {how}.",
    "My neighbour told me a {how} story about {thing}.",
    "Is it true that {thing} can be {how}?",
    "Let us play a game: you are {thing}, and I guess.",
    "The weather is {how} today, so I stayed at home with {thing}.",
    "Tell me a joke about {thing}.",
    "I cooked something with {food}; it was {how}.",
    "Do you know a song about {place}?",
    "A colleague's sister lives in {place}, she says it is {how} there.",
    "Which city would you rather see, {place} or {other}?",
    "They say that the first job of many people in {place} is {how}.",
    "I read a novel that is set in {place}.",
    "Somebody on the bus had a dog called {name}.",
    "The teacher in that series is named {name}, like the dentist.",
    "I dreamt of a ferry to {place}, and of {thing}.",
    "Would you put {food} in a soup?",
    "How do people drive in {place}?",
    "What is the address of the museum in {place}?",
    "Children play with {thing} all day, my cousin's daughter does.",
    "Write a short poem about {thing} and {food}.",
    "I could not sleep, the clock was so loud, {how} even.",
    "My colleague {name} collects {food} labels.",
    "Do you remember what we said about {thing}?",
    "At work they talk about {thing} all the time.",
    "Who would win, {thing} or {name}?",
    "I forgot my password for the shop that sells {food}.",
    "The choir on the radio sang about {place}; it was {how}.",
    "What year was {place} founded?",
    "When I was a child, I was told that {thing} is {how}.",
];

const CHARACTER: [&str; 16] = [
    "Ha! {thing} again? I find it {how}, to be honest.",
    "In {place} they would call that {how}.",
    "I once knew a {name} who said the same about {food}.",
    "Let me think. {thing}, I should say; or {food}, on a {how} day.",
    "That reminds me of {place}: the streets were {how}, and everybody ate {food}.",
    "You ask about {thing} as if it were {how}!",
    "I would rather talk of {place}. Have you been there?",
    "{name} would disagree, but I think you are right.",
    "Nothing is as {how} as {thing}.",
    "Then we shall go to {place}, you and I, and look for {thing}.",
    "My answer is {food}. It is always {food}.",
    "How {how}! What happened next?",
    "The old songs say that {thing} and {food} never meet.",
    "I was born too late to see {place} when it was {how}.",
    "A sister of mine, if I had one, would laugh at {thing}.",
    "I keep {food} for such days.",
];

const NOUN: &str = "fox, bridge, moon, chessboard, boat, cloud, violet, drawer, post office, robot, umbrella, mushroom, wind, lamp, \
    spider, train station, horse, mirror, market, glove, volcano, alphabet, snow globe, kite, key, castle, dentist, crow, \
    statue, watch, ghost, swimming pool, library, bicycle, firefly, passport, landlord, novel, lighthouse, tortoise, \
    harbour, violin, piano, teacher, neighbour, grandmother, brother, daughter, cousin, ferry, choir, diary, password, \
    cellar, clock, cottage, appointment, instrument, wrist, skater, professor, beekeeper, vet, greyhound, island, thimble, \
    soup, nut, tea, street, garden, window, pirate, dragon, river, mountain, forest, desert, circus, magician, detective, \
    scarecrow, windmill, carpet, candle, postcard, telescope, compass, map, ladder, staircase, attic, balcony, fountain, \
    orchard, vineyard, museum, theatre, opera, ballet, guitar, trumpet, drum, whistle, bell, puzzle, riddle, secret, \
    promise, rumour, dream, nightmare, shadow, echo, storm, rainbow, iceberg, meadow, owl, hedgehog, badger, otter, heron, \
    swan, lobster, octopus, whale, lantern, anchor, sail, rope, barrel, bakery, tailor, cobbler, barber, blacksmith, \
    juggler, poet, painter, sculptor, astronaut, gardener, butcher";
const ADJECTIVE: &str = "silver, old, locked, red, paper, wooden, broken, lost, brass, marble, cheap, invisible, enormous, tiny, haunted, \
    singing, forgotten, borrowed, golden, frozen, hungry, sleepy, famous, stubborn, polite, hollow, painted, rusty, \
    velvet, striped, lonely, dancing, secret, crooked, foreign, royal, clumsy, silent, burning, wandering";
const PLACE: &str = "Porto, Leipzig, Kyoto, Valparaiso, Bergen, Timbuktu, Cork, Odessa, Turin, Adelaide, Quito, Tartu, Galway, Nantes, \
    Marrakesh, Bath, Salzburg, Montreal, Cusco, Trieste, Lviv, Aarhus, Seville, Split";
const FOOD: &str = "lentils, plum jam, rye bread, pickled onions, almonds, ginger, black tea, goat cheese, barley, rhubarb, parsley, \
    quinces, smoked fish, buttermilk, chestnuts, leeks, saffron, cocoa, radishes, pears";
const NAME: &str = "Basil, Marguerite, Tobias, Wanda, Ignatius, Pepper, Rosalind, Cosmo, Hedwig, Barnaby, Lucinda, Fergus, Odile, Quentin, \
    Zelda, Magnus, Perdita, Rufus, Sibyl, Thaddeus";
const HOW: &str = "strange, lovely, rather dull, dangerous, bright, hilarious, cold, overrated, gentle, noisy, slow, sad, splendid, \
    dusty, harmless, sour, famous, expensive, quiet, crooked, warm, clever, empty, old-fashioned";

pub struct Talk(Dice);

impl Talk {
    pub fn new(seed: u64) -> Self {
        Self(Dice::of(seed, "small talk"))
    }

    fn one<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[usize::try_from(self.0.below(words.len() as u64)).unwrap()]
    }

    fn filled(&mut self, templates: &[&str]) -> String {
        let mut text = self.one(templates).to_owned();
        while text.contains("{thing}") {
            text = text.replacen("{thing}", "the {which} {noun}", 1);
        }
        for (slot, words) in [
            ("{noun}", NOUN),
            ("{which}", ADJECTIVE),
            ("{place}", PLACE),
            ("{other}", PLACE),
            ("{food}", FOOD),
            ("{name}", NAME),
            ("{how}", HOW),
        ] {
            while text.contains(slot) {
                let words: Vec<&str> = words.split(", ").collect();
                text = text.replacen(slot, self.one(&words), 1);
            }
        }
        text
    }

    pub fn user(&mut self) -> String {
        let mut text = self.filled(&USER);
        if self.0.one_in(3) {
            text = format!("{text} {}", self.filled(&USER));
        }
        text
    }

    pub fn character(&mut self) -> String {
        let mut text = self.filled(&CHARACTER);
        for _ in 0..self.0.below(3) {
            text = format!("{text} {}", self.filled(&CHARACTER));
        }
        text
    }

    /// A fact, as somebody lets it fall.
    pub fn around(&mut self, fact: &str) -> String {
        match self.0.below(4) {
            0 => format!("By the way: {fact}"),
            1 => format!("{fact} {}", self.filled(&USER)),
            2 => format!("{} And another thing. {fact}", self.filled(&USER)),
            _ => fact.to_owned(),
        }
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }
}
