use std::convert::Infallible;

use aes_gcm::Aes128Gcm;
use aes_gcm::aead::{Aead as _, KeyInit as _};
use hpke::aead::AesGcm128;
use hpke::rand_core::{TryCryptoRng, TryRng};

use super::*;

fn hex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

/// Gives the key material of a vector in place of random bytes.
struct Given(Vec<u8>);

impl TryRng for Given {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("keys are bytes")
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("keys are bytes")
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&self.0);
        Ok(())
    }
}

impl TryCryptoRng for Given {}

/// RFC 9180, appendix A.2.1: the suite that is used here, in base mode.
#[test]
fn the_suite_is_that_of_rfc_9180() {
    let reader = UnsealingKey::derive(
        &hex("1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df").try_into().unwrap(),
    );
    let secret = hex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb");
    // The library keeps keys with the bits set that X25519 sets (RFC 7748, section 5).
    let secret = <DhKem as Kem>::PrivateKey::from_bytes(&secret).unwrap();
    assert_eq!(reader.secret.to_bytes(), secret.to_bytes());
    let public = hex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a");
    assert_eq!(reader.public().0.as_bytes()[..], public);

    let info = hex("4f6465206f6e2061204772656369616e2055726e");
    let mut given = Given(hex("909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b"));
    let public = <DhKem as Kem>::PublicKey::from_bytes(&public).unwrap();
    let sender =
        hpke::setup_sender_with_rng::<SealAead, SealKdf, DhKem>(&OpModeS::Base, &public, &info, &mut given).unwrap();
    let (encapsulated, mut sender) = sender;
    let expected = hex("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a");
    assert_eq!(encapsulated.to_bytes().to_vec(), expected);
    let mut receiver =
        hpke::setup_receiver::<SealAead, SealKdf, DhKem>(&OpModeR::Base, &reader.secret, &encapsulated, &info).unwrap();

    let words = hex("4265617574792069732074727574682c20747275746820626561757479");
    let sealed = [
        (0, "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"),
        (1, "6b53c051e4199c518de79594e1c4ab18b96f081549d45ce015be002090bb119e85285337cc95ba5f59992dc98c"),
        (2, "71146bd6795ccc9c49ce25dda112a48f202ad220559502cef1f34271e0cb4b02b4f10ecac6f48c32f878fae86b"),
        (4, "63357a2aa291f5a4e5f27db6baa2af8cf77427c7c1a909e0b37214dd47db122bb153495ff0b02e9e54a50dbe16"),
        (255, "18ab939d63ddec9f6ac2b60d61d36a7375d2070c9b683861110757062c52b8880a5f6b3936da9cd6c23ef2a95c"),
        (256, "7a4a13e9ef23978e2c520fd4d2e757514ae160cd0cd05e556ef692370ca53076214c0c40d4c728d6ed9e727a5b"),
    ];
    for number in 0..=256 {
        let aad = format!("Count-{number}");
        let found = sender.seal(&words, aad.as_bytes()).unwrap();
        if let Some((_, expected)) = sealed.iter().find(|(of, _)| *of == number) {
            assert_eq!(found, hex(expected), "{number}");
        }
        assert_eq!(receiver.open(&found, aad.as_bytes()).unwrap(), words);
    }
    for (context, expected) in [
        ("", "4bbd6243b8bb54cec311fac9df81841b6fd61f56538a775e7c80a9f40160606e"),
        ("00", "8c1df14732580e5501b00f82b10a1647b40713191b7c1240ac80e2b68808ba69"),
        ("54657374436f6e74657874", "5acb09211139c43b3090489a9da433e8a30ee7188ba8b0a9a1ccf0c229283e53"),
    ] {
        let mut exported = [[0; 32]; 2];
        sender.export(&hex(context), &mut exported[0]).unwrap();
        receiver.export(&hex(context), &mut exported[1]).unwrap();
        assert_eq!(exported.map(|bytes| bytes.to_vec()), [hex(expected), hex(expected)]);
    }
}

/// RFC 9458, appendix A: its request is opened, and its response made. Its suite has AES-128-GCM, and its messages are one chunk.
#[test]
fn header_and_keys_are_those_of_rfc_9458() {
    let secret = hex("3c168975674b2fa8e465970b79c8dcf09f1c741626480bd4c6162fc5b6a98e1a");
    let secret = <DhKem as Kem>::PrivateKey::from_bytes(&secret).unwrap();
    let public = DhKem::sk_to_pk(&secret);
    let told = "31e1f05a740102115220e9af918f738674aec95f54db6e04eb705aae8e798155";
    assert_eq!(public.to_bytes().to_vec(), hex(told));

    let request = hex(concat!(
        "010020000100014b28f881333e7c164ffc499ad9796f877f4e1051ee6d31bad19dec96c208b472",
        "6374e469135906992e1268c594d2a10c695d858c40a026e7965e7d86b83dd440b2c0185204b4d63525"
    ));
    let label = b"message/bhttp request";
    let expected = hex("6d6573736167652f626874747020726571756573740001002000010001");
    assert_eq!(info(label, &header::<AesGcm128>(1)), expected);
    let (mut context, public, sealed) = receiver::<AesGcm128>(&secret, label, 1, &request).unwrap();
    let asked = context.open(sealed, b"").unwrap();
    assert_eq!(asked, hex("00034745540568747470730b6578616d706c652e636f6d012f"));

    let mut exported = [0; 16];
    context.export(b"message/bhttp response", &mut exported).unwrap();
    assert_eq!(exported.to_vec(), hex("62d87a6ba569ee81014c2641f52bea36"));
    let (nonce, mut key) = (hex("c789e7151fcba46158ca84b04464910d"), [0; 16]);
    let base = answer_keys(public, &nonce, &exported, &mut key).unwrap();
    assert_eq!(key.to_vec(), hex("5d0172a080e428b16d298c4ea0db620d"));
    assert_eq!(base.to_vec(), hex("f6bf1aeb88d6df87007fa263"));
    let sealed = Aes128Gcm::new(&key.into()).encrypt(&base.into(), &hex("0140c8")[..]).unwrap();
    let expected = hex("c789e7151fcba46158ca84b04464910d86f9013e404feea014e7be4a441f234f857fbd");
    assert_eq!([nonce, sealed].concat(), expected);
}

fn pair() -> (Vec<u8>, AnswerSecret, AnswerSecret) {
    let server = UnsealingKey::random().unwrap();
    let (message, asking) = server.public().encapsulate(3, b"a question").unwrap();
    let (_, answering) = server.decapsulate(3, &message).unwrap();
    (message, asking, answering)
}

#[test]
fn requests_of_any_length_come_whole_or_not_at_all() {
    let server = UnsealingKey::random().unwrap();
    for length in [0, 1, MAX_CHUNK_BYTES - 1, MAX_CHUNK_BYTES, MAX_CHUNK_BYTES + 1, 3 * MAX_CHUNK_BYTES + 5] {
        let request: Vec<u8> = (0..length).map(|at| at as u8).collect();
        let (message, _) = server.public().encapsulate(9, &request).unwrap();
        assert_eq!(**server.decapsulate(9, &message).unwrap().0, request, "{length}");
        assert_eq!(key_id(&message), Some(9));
        assert_eq!(server.decapsulate(8, &message).unwrap_err(), SealError::NotEncapsulated);
    }
    let (message, _) = server.public().encapsulate(9, &[7; 20_000]).unwrap();
    let stranger = UnsealingKey::random().unwrap();
    assert_eq!(stranger.decapsulate(9, &message).unwrap_err(), SealError::NotAuthentic);
    for at in (0..200).chain(message.len() - 200..message.len()) {
        let mut damaged = message.clone();
        damaged[at] ^= 1;
        assert!(server.decapsulate(9, &damaged).is_err(), "flip at {at}");
        assert!(server.decapsulate(9, &message[..at]).is_err(), "cut at {at}");
    }
    let longer = [&message[..], &[0]].concat();
    assert_eq!(server.decapsulate(9, &longer).unwrap_err(), SealError::NotAuthentic);
}

#[test]
fn an_answer_comes_in_pieces_of_any_size() {
    let long = vec![5; 2 * MAX_CHUNK_BYTES + 3];
    for size in [1, 7, 4096, usize::MAX] {
        let (_, asking, answering) = pair();
        let mut sealer = answering.sealer().unwrap();
        let mut answer = sealer.begin();
        for piece in [&b"one"[..], b"", &long] {
            answer.extend(sealer.seal(piece).unwrap());
        }
        answer.extend(sealer.finish(&long).unwrap());
        let (mut opener, mut heard) = (asking.opener(), Vec::new());
        for piece in answer.chunks(size.min(answer.len())) {
            heard.extend(opener.push(piece).unwrap());
        }
        heard.extend(opener.finish().unwrap());
        assert_eq!(heard, [b"one", &long[..], &long].concat(), "{size}");
    }
}

#[test]
fn no_chunk_of_an_answer_can_be_changed_moved_left_out_or_made_the_last() {
    let (_, _, answering) = pair();
    let parts = |answering: &AnswerSecret| {
        let mut sealer = answering.sealer().unwrap();
        let begin = sealer.begin();
        [begin, sealer.seal(b"first").unwrap(), sealer.seal(b"other").unwrap(), sealer.finish(b"last").unwrap()]
    };
    let hear = |secret: &AnswerSecret, bytes: &[u8]| {
        let secret = AnswerSecret { public: secret.public, secret: secret.secret.clone() };
        let mut opener = secret.opener();
        let mut heard = opener.push(bytes)?;
        heard.extend(opener.finish()?);
        Ok::<_, SealError>(heard)
    };
    let [begin, first, second, last] = parts(&answering);
    assert_eq!(hear(&answering, &[&begin[..], &first, &second, &last].concat()).unwrap(), b"firstotherlast");
    let mut as_last = vec![0];
    as_last.extend_from_slice(&second[1..]);
    let again = parts(&answering);
    assert_ne!(again[0], begin, "a fresh nonce");
    for (what, bytes) in [
        ("cut off", [&begin[..], &first, &second].concat()),
        ("left out", [&begin[..], &second, &last].concat()),
        ("moved", [&begin[..], &second, &first, &last].concat()),
        ("made the last", [&begin[..], &first, &as_last].concat()),
        ("of another answer", [&begin[..], &again[1], &second, &last].concat()),
        ("nothing", Vec::new()),
        ("too long", [&begin[..], &[0xbf, 0xff, 0xff, 0xff]].concat()),
    ] {
        assert!(hear(&answering, &bytes).is_err(), "{what}");
    }
    let whole = [begin, first, second, last].concat();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        assert!(hear(&answering, &damaged).is_err(), "flip at {at}");
    }
    // The answer to one request is none to another.
    assert!(hear(&pair().1, &whole).is_err());
}

#[test]
fn two_requests_with_the_same_words_have_nothing_in_common() {
    let server = UnsealingKey::random().unwrap();
    let [one, two] = [(); 2].map(|()| server.public().encapsulate(0, b"the same words").unwrap().0);
    assert_eq!((one.len(), &one[..7]), (two.len(), &two[..7]));
    assert!(one[7..].windows(8).all(|part| !two.windows(8).any(|other| other == part)));
}
