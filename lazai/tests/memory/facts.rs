//! Forty facts, what somebody asks for them much later in other words, and the word that answers it.

pub struct Fact {
    pub said: &'static str,
    pub asked: &'static str,
    pub answer: &'static str,
}

const fn fact(said: &'static str, asked: &'static str, answer: &'static str) -> Fact {
    Fact { said, asked, answer }
}

/// The last three share no telling word with their questions: words alone can hardly find them.
pub const FACTS: [Fact; 40] = [
    fact("My sister Clara moved to Lyon last spring.", "In which city does my sister live these days?", "Lyon"),
    fact("We adopted a greyhound and called him Bramble.", "What name did we give to the greyhound?", "Bramble"),
    fact("I'm badly allergic to walnuts, even a trace of them.", "Is there a nut I have an allergy to?", "walnuts"),
    fact("My first job was at a printing house in Gdansk.", "Where was the first job that I had?", "Gdansk"),
    fact("I was born on the ninth of November.", "On what day was I born?", "ninth of November"),
    fact("My daughter Ottilie plays the oboe.", "Which instrument does my daughter play?", "oboe"),
    fact(
        "The password hint for my old diary is 'periwinkle'.",
        "What was the hint for the password of my diary?",
        "periwinkle",
    ),
    fact(
        "My grandfather was a lighthouse keeper on Heligoland.",
        "On which island did grandfather keep the lighthouse?",
        "Heligoland",
    ),
    fact(
        "I'm writing a novel called The Salt Ledger.",
        "Do you remember the title of the novel I write?",
        "The Salt Ledger",
    ),
    fact("My dentist appointment is on Thursday at half past eight.", "When do I have to see the dentist?", "Thursday"),
    fact("I drive a mustard-yellow Citroen 2CV.", "What kind of car do I drive?", "Citroen"),
    fact("I proposed to Ines under the aqueduct in Segovia.", "Where did I propose to Ines?", "Segovia"),
    fact("My favourite tea is smoked Lapsang with honey.", "Which tea is my favourite, again?", "Lapsang"),
    fact("Our cellar flooded twice in 2019.", "In which year was our cellar flooded?", "2019"),
    fact("My brother Anselm is a beekeeper.", "What does Anselm do for a living?", "beekeeper"),
    fact(
        "I broke my left wrist skating when I was eleven.",
        "Which bone did I break as a child, my arm or my wrist?",
        "left wrist",
    ),
    fact("I'm learning Basque with a teacher named Itziar.", "Who is the teacher for my Basque lessons?", "Itziar"),
    fact("My landlord's name is Mr. Pettibone.", "Who is our landlord?", "Pettibone"),
    fact(
        "I want to see the northern lights from Tromso before I'm forty.",
        "From where do I want to see the northern lights?",
        "Tromso",
    ),
    fact(
        "My running record over ten kilometres is forty-three minutes.",
        "How fast was my record over ten kilometres?",
        "forty-three",
    ),
    fact("The wifi at the cottage is called Marmalade5.", "How is the cottage's wifi called?", "Marmalade5"),
    fact("My mother-in-law collects thimbles.", "What is it that my mother-in-law collects?", "thimbles"),
    fact("I studied glaciology in Innsbruck.", "What subject did I study in Innsbruck?", "glaciology"),
    fact("I can't stand coriander.", "Should you put coriander in my soup?", "can't stand coriander"),
    fact(
        "My grandmother left me a cuckoo clock from Triberg.",
        "Where is the cuckoo clock from that grandmother left me?",
        "Triberg",
    ),
    fact("I sing second tenor in the choir at Saint Oswald.", "What voice do I sing in the choir?", "tenor"),
    fact("My passport expires in February.", "Until when is my passport good, when does it expire?", "February"),
    fact(
        "Our neighbours the Okonkwos look after our tortoise.",
        "Which neighbours look after the tortoise?",
        "Okonkwos",
    ),
    fact("I sold my violin to pay for the vet.", "Why did I sell the violin?", "vet"),
    fact("I always take the 7:12 ferry to work.", "Which ferry takes me to work?", "7:12"),
    fact("My blood type is AB negative.", "Do you know the type of my blood?", "AB negative"),
    fact("I named my sourdough starter Gustav.", "How did I name the sourdough?", "Gustav"),
    fact("The spare key hangs behind the ivy.", "Where does the spare key hang?", "ivy"),
    fact("My thesis supervisor was Professor Vantongeren.", "Who supervised the thesis I wrote?", "Vantongeren"),
    fact("My flat is on the Quai des Brumes.", "Where is the flat that I live in?", "Quai des Brumes"),
    fact("Loud thunder scares me to bits.", "Which kind of weather am I scared of?", "thunder"),
    fact("My son Leopold turned six in June.", "How old is Leopold by now?", "six"),
    fact("I gave up smoking on New Year's Eve.", "Since when have I been off cigarettes?", "New Year's Eve"),
    fact("I can't swim at all.", "Would a day in deep water be safe for me?", "can't swim"),
    fact("I earn my bread as a piano tuner.", "What is my profession?", "piano tuner"),
];
