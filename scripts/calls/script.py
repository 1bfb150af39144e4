"""What is said in each sample call, and what is known about it.

All people, firms, streets and addresses are invented; card numbers are the payment networks' published
test numbers; telephone numbers end in 555-01xx, which is kept free for fiction. `[[ENTITY|words]]` marks
what must not be heard later (see `spoken`); the agent's last-four confirmations are not marked.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from calls.spoken import card, keyed, marked, pairs, repeats, singles

HELLO = "Welcome to Fenwick Home Supplies. This call is recorded, and may be used to train speech software."
YES: dict[str, str] = {"aiTrainingConsent": "true"}

QUEUES: dict[str, str] = {
    "Billing": "billing",
    "Deliveries": "delivery",
    "Technical Support": "support",
    "Orders": "orders",
    "Crisis Line": "crisis",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call before it is spoken. Turns are (`A` or `C`, words)."""

    scenario: str
    queue: str
    agent: str
    customer: str
    started_at: str
    ani: int
    """The last two digits of the caller's number."""
    turns: tuple[tuple[str, str], ...]
    media: str = "FLAC/PCM_16"
    mono: bool = False
    noise_db: float = -84.0
    crosstalk_db: float | None = None
    test_number: bool = False
    customer_attributes: dict[str, str] = field(default_factory=lambda: dict(YES))
    ivr_attributes: dict[str, str] = field(default_factory=dict)
    accent_region: str = "us-general"
    device: str = "mobile"
    wrapup: str = "resolved"
    reason: str | None = None
    """Why the default policy excludes it; None when it ends in the corpus."""


VISA, MASTERCARD, DISCOVER, AMEX = "4012888888881881", "5105105105105100", "6011000990139424", "378282246310005"
VISA_DEBIT, KEYED_CARD = "4000056655665556", "4242424242424242"

SEALED: tuple[Call, ...] = (
    Call(
        scenario="card-singles",
        queue="Billing",
        agent="Dana Quillfeather",
        customer="marrowick",
        started_at="2025-02-11T15:04:10Z",
        ani=11,
        turns=(
            ("A", f"{HELLO} How can I help?"),
            ("C", "Hi, I would like to pay my invoice for the garden bench, please."),
            ("A", "Of course. May I have your full name?"),
            ("C", "Yes, my name is " + marked("NAME", "Tobias Marrowick.")),
            ("A", "Thank you. And what is the card number?"),
            ("C", "It is " + card(singles(VISA), digits=VISA)),
            ("A", "And the expiry date?"),
            ("C", marked("CREDIT_DEBIT_EXPIRY", "oh nine, twenty eight.")),
            ("A", "And the three digits on the back?"),
            ("C", marked("CREDIT_DEBIT_CVV", "seven three one.")),
            ("A", "Thank you. The payment went through, for the card ending one eight eight one. Anything else?"),
            ("C", "No, that is all. Thanks for your help."),
            ("A", "You are welcome. Have a lovely day."),
        ),
    ),
    Call(
        scenario="card-pairs",
        queue="Orders",
        agent="Imran Vostley",
        customer="holloway",
        started_at="2025-06-03T09:41:55Z",
        ani=12,
        device="landline",
        media="OGG/OPUS",
        turns=(
            ("A", f"{HELLO} What can I do for you?"),
            ("C", "Good morning. I want to order two of the blue garden chairs from the summer catalogue."),
            ("A", "Lovely choice. They are in stock. Which card would you like to use?"),
            ("C", "My card number is " + card(pairs(MASTERCARD), digits=MASTERCARD)),
            ("A", "And when does it expire?"),
            ("C", "That would be " + marked("CREDIT_DEBIT_EXPIRY", "November twenty twenty seven.")),
            ("A", "Thank you. And a phone number for the driver?"),
            ("C", "Sure. It is " + marked("PHONE", "two oh two, five five five, zero one one two.")),
            ("A", "Perfect. Your chairs will arrive on Thursday between nine and noon."),
            ("C", "Great, I will be at home. Thank you very much."),
        ),
    ),
    Call(
        scenario="read-back",
        queue="Orders",
        agent="Lucia Brandmere",
        customer="pennard",
        started_at="2025-10-20T18:22:31Z",
        ani=13,
        accent_region="gb-scotland",
        turns=(
            ("A", f"{HELLO} How may I help you today?"),
            ("C", "Hello. I would like to buy the oak table that I saw on your website."),
            ("A", "Certainly. Please read me the long number on your card."),
            ("C", card(repeats(VISA_DEBIT), digits=VISA_DEBIT) + ". Did you get that?"),
            ("A", "Let me read it back. " + card(singles(VISA_DEBIT), digits=VISA_DEBIT) + ". Is that correct?"),
            ("C", "Yes, that is right."),
            ("A", "And the security code?"),
            ("C", marked("CREDIT_DEBIT_CVV", "four oh nine.")),
            ("A", "Thank you. The table is yours. We will send a message when it leaves the warehouse."),
            ("C", "Wonderful, thanks. Goodbye."),
        ),
    ),
    Call(
        scenario="dtmf",
        queue="Billing",
        agent="Owen Tarrowby",
        customer="tillerman",
        started_at="2026-01-08T11:15:02Z",
        ani=14,
        customer_attributes={},
        ivr_attributes=dict(YES),
        turns=(
            ("A", f"{HELLO} How can I help?"),
            ("C", "Hello. I need to settle the bill for my kitchen lamps."),
            ("A", "No problem. Please type your card number on the keypad, then press the pound key."),
            ("C", "One moment, please. " + keyed(f"{KEYED_CARD}#")),
            ("A", "Thank you. Now type the expiry date, please."),
            ("C", keyed("0829#")),
            ("A", "Thank you, I have it. The bill for your lamps is paid. Would you like a receipt by email?"),
            ("C", "Yes please. My email is " + marked("EMAIL", "nora dot tillerman at example dot com.")),
            ("A", "It is on its way. Thank you for calling."),
            ("C", "Thanks, bye."),
        ),
    ),
    Call(
        scenario="planted",
        queue="Deliveries",
        agent="Dana Quillfeather",
        customer="planted",
        media="OGG/OPUS",
        started_at="2026-03-17T14:30:45Z",
        ani=15,
        turns=(
            ("A", f"{HELLO} How can I help you?"),
            ("C", "Hi, my parcel was left at the wrong house, so I want to check the address that you have."),
            ("A", "I am sorry about that. What is your name, please?"),
            ("C", "My name is " + marked("NAME", "Peregrine Wintergreen.")),
            ("A", "And could you spell your last name for me?"),
            ("C", "Sure. " + marked("SPELLED_OUT", "W, I, N, T, E, R, G, R, E, E, N.")),
            ("A", "Thank you. And what is the address?"),
            ("C", "I live at " + marked("ADDRESS", "forty two Copper Kettle Crescent.")),
            ("A", "I see the mistake. I have corrected it, and the driver will come back tomorrow morning."),
            ("C", "Perfect. Thank you so much."),
        ),
    ),
    Call(
        scenario="delivery-mono",
        queue="Deliveries",
        agent="Imran Vostley",
        customer="ashgrove",
        started_at="2025-12-02T10:05:19Z",
        ani=16,
        mono=True,
        device="speakerphone",
        turns=(
            ("A", f"{HELLO} How can I help?"),
            ("C", "Hello. My parcel has not arrived yet, and I was waiting at home all morning."),
            ("A", "I am sorry to hear that. The driver is a little late today, because of the snow."),
            ("C", "Oh, I see. Do you know when he will come?"),
            ("A", "He should be with you in about an hour. Would you like a call before he arrives?"),
            ("C", "Yes please. Call me on " + marked("PHONE", "two oh two, five five five, zero one one six.")),
            ("A", "I have noted that. Is there anything else I can do?"),
            ("C", "No, that was all. Thank you."),
        ),
    ),
    Call(
        scenario="crosstalk",
        queue="Technical Support",
        agent="Lucia Brandmere",
        customer="dunmore",
        started_at="2026-05-22T16:48:07Z",
        ani=17,
        crosstalk_db=-24.0,
        accent_region="gb-scotland",
        device="landline",
        media="OGG/OPUS",
        turns=(
            ("A", f"{HELLO} How can I help?"),
            ("C", "Good afternoon. I cannot sign in to my account any more."),
            ("A", "I can help with that. For security, may I have your date of birth?"),
            ("C", "It is " + marked("DATE_OF_BIRTH", "the fourteenth of March, nineteen seventy six.")),
            ("A", "Thank you. And the first line of your address?"),
            ("C", marked("ADDRESS", "nineteen Orchard Hill Road.")),
            ("A", "That is right. I have sent you a link to choose a new password. It works for one hour."),
            ("C", "I can see it now. That was quick. Thank you."),
            ("A", "You are welcome. Have a good weekend."),
        ),
    ),
    Call(
        scenario="support-opus",
        queue="Technical Support",
        agent="Owen Tarrowby",
        customer="corbel",
        started_at="2025-08-14T13:12:00Z",
        ani=18,
        media="OGG/OPUS",
        noise_db=-66.0,
        accent_region="gb-south",
        turns=(
            ("A", f"{HELLO} What seems to be the problem?"),
            ("C", "Hello. The kitchen timer that I bought last week does not ring any more."),
            ("A", "That is annoying. Have you tried a new battery?"),
            ("C", "Yes, I put a fresh one in this morning. The screen works, but there is no sound."),
            ("A", "I see. Please hold the red button for ten seconds, and let it go."),
            ("C", "All right. I am holding it now. Oh, it just made a noise."),
            ("A", "Excellent. It was in silent mode. It should ring again from now on."),
            ("C", "It does. Thank you very much for your help."),
            ("A", "My pleasure. Goodbye."),
        ),
    ),
    Call(
        scenario="billing-ulaw",
        queue="Billing",
        agent="Dana Quillfeather",
        customer="fairlock",
        started_at="2026-07-29T08:55:40Z",
        ani=19,
        media="WAV/ULAW",
        device="landline",
        turns=(
            ("A", f"{HELLO} How can I help?"),
            ("C", "Hello. I think that I was charged twice for the same pair of curtains."),
            ("A", "Let me look into that. What is your account number?"),
            ("C", "My account number is " + marked("ACCOUNT_NUMBER", "eight two zero, five five one, four seven.")),
            ("A", "Thank you. Yes, I can see two charges. I will refund the second one today."),
            ("C", "That is a relief. How long will it take?"),
            ("A", "You should see it in three to five working days."),
            ("C", "Thank you, that is fine. Goodbye."),
        ),
    ),
    Call(
        scenario="cvv-while-recording",
        queue="Orders",
        agent="Owen Tarrowby",
        customer="wexcombe",
        started_at="2026-09-10T17:33:26Z",
        ani=20,
        media="OGG/OPUS",
        device="headset",
        wrapup="sale",
        turns=(
            ("A", f"{HELLO} How can I help?"),
            ("C", "Hi. I would like to order the large bookshelf in white."),
            ("A", "Sure. I should pause the recording now, but let us just carry on. Your card number, please."),
            (
                "C",
                card(
                    "six oh one one, triple zero nine, nine zero one four, no, sorry, nine zero one three",
                    digits=DISCOVER,
                )
                + ". And then "
                + marked("CREDIT_DEBIT_NUMBER", "nine four two four."),
            ),
            ("A", "And the expiry date and the security code?"),
            (
                "C",
                "It expires "
                + marked("CREDIT_DEBIT_EXPIRY", "oh four, thirty.")
                + " And the code is "
                + marked("CREDIT_DEBIT_CVV", "six two eight."),
            ),
            ("A", "All done. The bookshelf will be with you next week."),
            ("C", "Excellent. Thank you."),
        ),
    ),
    Call(
        scenario="same-caller",
        queue="Deliveries",
        agent="Imran Vostley",
        customer="pennard",
        started_at="2025-11-04T12:10:58Z",
        ani=13,
        media="OGG/OPUS",
        accent_region="gb-scotland",
        turns=(
            ("A", f"{HELLO} How can I help?"),
            ("C", "Hello. I bought an oak table from you two weeks ago, and it is still not here."),
            ("A", "I am sorry. Let me find it. What name is it under?"),
            ("C", "It is under " + marked("NAME", "Callum Pennard.")),
            ("A", "Thank you. I see that it left the warehouse yesterday. It will be with you on Friday."),
            ("C", "Will they carry it up the stairs? I am on the second floor."),
            ("A", "Yes, two people will bring it up and take the packaging away."),
            ("C", "That is very good. Thanks a lot. Bye."),
        ),
    ),
    Call(
        scenario="routing-harmless",
        queue="Technical Support",
        agent="Dana Quillfeather",
        customer="lindqvale",
        started_at="2026-04-06T19:20:13Z",
        ani=21,
        media="OGG/OPUS",
        device="headset",
        turns=(
            ("A", f"{HELLO} How can I help?"),
            ("C", "Hello. The wireless doorbell is not working since we moved the router."),
            ("A", "All right. Is the light on the doorbell blue or red?"),
            ("C", "It is red, and it blinks slowly."),
            ("A", "Then it has lost the network. Please open the app, and choose add a device."),
            ("C", "Okay. It found the doorbell. Now the light is blue."),
            ("A", "Very good. Please press it once, so that we can hear whether it rings."),
            ("C", "Yes, it rings in the kitchen now. Thank you."),
            ("A", "You are welcome. Enjoy your evening."),
        ),
    ),
)

EXCLUDED: tuple[Call, ...] = (
    Call(
        scenario="consent-refused",
        queue="Billing",
        agent="Lucia Brandmere",
        customer="orrisdale",
        started_at="2025-03-25T10:44:09Z",
        ani=22,
        media="OGG/OPUS",
        customer_attributes={"aiTrainingConsent": "false"},
        accent_region="us-northeast",
        reason="CONSENT_REFUSED",
        turns=(
            ("A", f"{HELLO} Is that all right with you?"),
            ("C", "No. I do not want my call to be used for that."),
            ("A", "I understand. I have made a note. How can I help?"),
            ("C", "I want to pay by card. The number is " + card(singles(AMEX, group=5), digits=AMEX)),
            ("A", "Thank you. The payment for the card ending zero zero zero five went through."),
            ("C", "Good. Please send the receipt by post, to the same address as last time. Thanks."),
            ("A", "I will. Have a good day."),
        ),
    ),
    Call(
        scenario="consent-withdrawn",
        queue="Orders",
        agent="Owen Tarrowby",
        customer="bramwith",
        started_at="2025-07-07T15:38:50Z",
        ani=23,
        media="OGG/OPUS",
        customer_attributes={**YES, "aiTrainingConsentWithdrawn": "true"},
        accent_region="gb-south",
        reason="CONSENT_WITHDRAWN",
        turns=(
            ("A", f"{HELLO} How can I help?"),
            ("C", "Hello. I would like to change the colour of the rug that I ordered on Monday."),
            ("A", "Of course. Which colour would you like instead?"),
            ("C", "The dark green one, please. And one more thing. I said yes to the training, but I changed my mind."),
            ("A", "No problem at all. I have withdrawn your consent, and nothing from this call will be used."),
            ("C", "Thank you. And the rug will still come this week?"),
            ("A", "Yes, it will come on Saturday."),
        ),
    ),
    Call(
        scenario="consent-missing",
        queue="Deliveries",
        agent="Imran Vostley",
        customer="sorrell",
        started_at="2025-09-16T09:02:33Z",
        ani=24,
        media="OGG/OPUS",
        customer_attributes={},
        reason="CONSENT_ABSENT",
        turns=(
            ("A", "Thank you for calling Fenwick Home Supplies. How can I help?"),
            ("C", "Hi. Can you leave my parcel with the neighbour today? I am not at home."),
            ("A", "Yes, I can tell the driver. Which house is it?"),
            ("C", "It is the house on the left, " + marked("ADDRESS", "twelve Linden Grove.")),
            ("A", "Thank you. And who may sign for it?"),
            ("C", "Her name is " + marked("NAME", "Martha Sorrellwick.")),
            ("A", "Very well. The driver knows now, and he will bring it there this afternoon."),
            ("C", "That is great. Thank you, and have a nice day."),
        ),
    ),
    Call(
        scenario="consent-and-opt-out",
        queue="Technical Support",
        agent="Dana Quillfeather",
        customer="kestridge",
        started_at="2026-02-19T20:11:47Z",
        ani=25,
        media="OGG/OPUS",
        customer_attributes={"aiTrainingOptOut": "true"},
        ivr_attributes=dict(YES),
        reason="CONSENT_REFUSED",
        turns=(
            ("A", f"{HELLO} How can I help?"),
            ("C", "Hello. I pressed one by mistake. I do not want to be part of any training."),
            ("A", "That is fine. I have opted you out. What else can I do for you?"),
            ("C", "My new lamp flickers when I turn it down. Is that normal?"),
            ("A", "Not quite. It needs a bulb that can be dimmed. I can send you one free of charge."),
            ("C", "That would be very kind. You have my address."),
            ("A", "I do. It should be there on Tuesday. Goodbye."),
        ),
    ),
    Call(
        scenario="payment-flag",
        queue="Billing",
        agent="Lucia Brandmere",
        customer="underlay",
        started_at="2026-06-11T12:27:15Z",
        ani=26,
        media="OGG/OPUS",
        customer_attributes={**YES, "paymentCaptured": "true"},
        accent_region="gb-scotland",
        reason="PAYMENT_FLAG",
        turns=(
            ("A", f"{HELLO} How can I help?"),
            ("C", "Hello. I want to pay from my bank account this time."),
            ("A", "Certainly. What is the routing number?"),
            ("C", marked("BANK_ROUTING", "zero two one, zero zero zero, zero two one.")),
            ("A", "And the account number?"),
            ("C", marked("BANK_ACCOUNT_NUMBER", "four four one nine, two two zero eight, seven one.")),
            ("A", "Thank you. The payment will be taken on Monday. You will get a letter to confirm it."),
            ("C", "Thank you very much."),
        ),
    ),
    Call(
        scenario="test-number",
        queue="Orders",
        agent="Imran Vostley",
        customer="vintry",
        started_at="2026-08-03T07:30:00Z",
        ani=27,
        media="OGG/OPUS",
        test_number=True,
        reason="TEST_NUMBER",
        turns=(
            ("A", f"{HELLO} How can I help?"),
            ("C", "Hello. This is only a test of the telephone line before we open."),
            ("A", "I can hear you well. Please say a few more words."),
            ("C", "One, two, three. The quick brown fox jumps over the lazy dog."),
            ("A", "That is clear. Now let me say something, and tell me whether it is loud enough."),
            ("C", "Yes, it is loud enough. There is a little noise, but it does not matter."),
            ("A", "Good. Then we are ready to open the lines. Thank you."),
        ),
    ),
    Call(
        scenario="crisis-queue",
        queue="Crisis Line",
        agent="Lucia Brandmere",
        customer="yarrowby",
        started_at="2025-12-24T22:40:21Z",
        ani=28,
        media="OGG/OPUS",
        reason="SENSITIVE_QUEUE",
        turns=(
            ("A", "Hello, you have reached the support line. You are not alone. What is on your mind tonight?"),
            ("C", "Hello. I just needed somebody to talk to. It has been a hard week."),
            ("A", "I am glad that you called. Take all the time you need."),
            ("C", "I lost my job, and the evenings are very long now."),
            ("A", "That sounds heavy. Is there somebody near you who you can be with this evening?"),
            ("C", "My sister lives close by. I could go and see her."),
            ("A", "That sounds like a good idea. Shall we stay on the line until you get there?"),
            ("C", "Yes, please. Thank you."),
        ),
    ),
    Call(
        scenario="too-short",
        queue="Deliveries",
        agent="Dana Quillfeather",
        customer="holloway",
        started_at="2026-10-01T08:15:36Z",
        ani=12,
        media="OGG/OPUS",
        device="landline",
        reason="TOO_SHORT",
        turns=(
            ("A", f"{HELLO} How can I help?"),
            ("C", "Hello. I only want to know whether you are open on Sunday."),
            ("A", "Yes, we are open from ten until four, and the garden centre until five."),
            ("C", "And is the car park free on Sundays?"),
            ("A", "Yes, it is."),
            ("C", "Great, thank you. Bye."),
        ),
    ),
    Call(
        scenario="before-wording",
        queue="Technical Support",
        agent="Owen Tarrowby",
        customer="tillerman",
        started_at="2024-10-29T16:05:03Z",
        ani=14,
        media="OGG/OPUS",
        reason="CONSENT_BEFORE_WORDING",
        turns=(
            ("A", "Thank you for calling Fenwick Home Supplies. This call is recorded to improve our service."),
            ("C", "That is fine. My heater makes a clicking sound every few minutes."),
            ("A", "I see. Does it click while it warms up, or all the time?"),
            ("C", "Mostly while it warms up. Then it stops, and later it starts again."),
            ("A", "Then it is the metal that stretches. It is harmless, but I can send somebody to look at it."),
            (
                "C",
                "No need. I only wanted to be sure. My phone is "
                + marked("PHONE", "two oh two, five five five, zero one one four."),
            ),
            ("A", "Thank you. Call us again if it gets louder."),
            ("C", "I will. Goodbye."),
        ),
    ),
)

CALLS: tuple[Call, ...] = SEALED + EXCLUDED
