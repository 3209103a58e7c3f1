"""A slot is held while a request is under way, and no longer."""

from __future__ import annotations

import asyncio

from medallion.prefetch.slots import Slots


def test_a_slot_is_free_as_soon_as_the_answer_is_whole() -> None:
    """Who makes further requests hears of it at once, and they go out before the page is taken apart."""

    async def story() -> None:
        told: list[str] = []

        async def another() -> None:
            told.append("the next is sent")

        def on_free() -> None:
            told.append("free")
            tasks.append(asyncio.create_task(another()))

        tasks: list[asyncio.Task[None]] = []
        slots = Slots(lambda: 1, on_free)
        slot = slots.take()
        assert not slots.free
        await slot.arrived()
        assert told == ["free", "the next is sent"]
        assert slots.free
        slot.release()
        assert told == ["free", "the next is sent"]

    asyncio.run(story())


def test_a_page_that_is_asked_again_waits_for_a_slot_and_goes_before_new_ones() -> None:
    """Its slot went to another page meanwhile: it takes the next one that is free, and nobody hears that this was."""

    async def story() -> None:
        heard: list[int] = []
        slots = Slots(lambda: 1, lambda: heard.append(1))
        first = slots.take()
        first.release()
        second = slots.take()
        again = asyncio.create_task(first.hold())
        await asyncio.sleep(0)
        assert not again.done()
        assert not slots.free
        second.release()
        await again
        assert heard == [1]
        assert not slots.free
        first.release()
        assert slots.free

    asyncio.run(story())


def test_a_page_that_is_given_up_while_it_waits_keeps_no_slot() -> None:
    """Neither before its turn came nor in the moment in which it does."""

    async def story() -> None:
        slots = Slots(lambda: 1, lambda: None)
        first = slots.take()
        first.release()
        second = slots.take()
        for turn_came in (False, True):
            again = asyncio.create_task(first.hold())
            await asyncio.sleep(0)
            if turn_came:
                second.release()
            again.cancel()
            await asyncio.gather(again, return_exceptions=True)
            assert slots.free is turn_came

    asyncio.run(story())


def test_a_width_that_shrinks_is_kept_to() -> None:
    """What is under way stays so; nothing new is sent until there is less of it than the width allows."""

    async def story() -> None:
        width = [3]
        slots = Slots(lambda: width[0], lambda: None)
        held = [slots.take() for _ in range(3)]
        width[0] = 1
        held[0].release()
        held[1].release()
        assert not slots.free
        held[2].release()
        assert slots.free

    asyncio.run(story())
