"""Groups of unknown faces and the keyboard review of a library in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.states import SECONDS, sign_in

NAMES = "/library/review?kind=names"


@pytest.fixture
def admin(page) -> Page:
    """A signed-in administrator of a library without decisions: other tests have left some."""
    sign_in(page)
    undo_all(page)
    return page


def undo_all(page: Page) -> None:
    """Undo the changes of a test, which others must not see."""
    page.goto("/library/changes")
    while page.get_by_role("button", name="Undo").count():
        page.get_by_role("button", name="Undo").first.click()
        expect(page.get_by_role("status")).to_contain_text("Undone:")


def decisions(page: Page) -> list[str]:
    page.goto("/library/changes")
    rows = page.locator(".log li")
    return [text for text in rows.all_inner_texts() if "undone" not in text]


@contextmanager
def held(
    page: Page, answer: Callable[[Route], object] = Route.continue_, address: str = "**/library/review"
) -> Iterator[None]:
    """Hold the next request, by default that of a decision, until the end of the block."""
    routes: list[Route] = []
    with page.expect_request(address):
        page.route(address, lambda route: routes.append(route), times=1)  # noqa: PLW0108 (playwright)
        yield
    while not routes:
        # The event of a request can be earlier than its route.
        page.wait_for_timeout(10)
    answer(routes[0])


def test_answers_by_keyboard_are_instant_and_can_be_undone(admin):
    page = admin
    before = len(decisions(page))
    page.goto(NAMES)
    questions = page.locator(".question").count()
    assert questions >= 2
    first = page.locator(".question:visible figcaption").first.inner_text()
    # The next question does not wait for the answer.
    with held(page):
        page.keyboard.press("n")
        expect(page.locator(".question:visible figcaption").first).not_to_have_text(first)
        expect(page.locator(".question:visible h2")).to_be_focused()
        expect(page.locator(".count")).to_have_text(f"1 decision made, {questions - 1} left.")
    expect(page.locator("#review .message")).to_contain_text("1 face marked as not ")
    page.keyboard.press("u")
    expect(page.locator(".question:visible figcaption").first).to_have_text(first)
    expect(page.locator("#review .message")).to_contain_text("Undone: Face ")
    page.keyboard.press("s")
    page.keyboard.press("y")
    expect(page.locator("#review .message")).to_contain_text("1 face confirmed as ")
    expect(page.locator(".count")).to_have_text(f"1 decision made, {questions - 1} left.")
    assert len(decisions(page)) == before + 1
    undo_all(page)


def test_the_end_of_the_queue_shows_skipped_questions(admin):
    page = admin
    page.goto(NAMES)
    for _ in range(page.locator(".question").count()):
        page.keyboard.press("s")
    expect(page.locator(".end")).to_be_focused()
    page.keyboard.press("u")
    expect(page.locator(".question:visible h2")).to_be_focused()
    page.keyboard.press("s")
    page.get_by_role("link", name="Show remaining questions").click()
    expect(page.locator(".question:visible")).to_have_count(1)


def test_quick_keys_are_sent_in_their_order(admin):
    page = admin
    before = len(decisions(page))
    page.goto(NAMES)
    with held(page):
        for key in "yun":
            page.keyboard.press(key)
    expect(page.locator("#review .message")).to_contain_text("1 face marked as not ")
    expect(page.locator(".count")).to_contain_text("1 decision made")
    assert "marked as not" in decisions(page)[0]
    assert len(decisions(page)) == before + 1
    undo_all(page)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"body": "no JSON"}, "The connection was lost."),
        # As after the end of a session.
        ({"status": 401, "body": '<div class="error"><p class="lede">Sign in again.</p></div>'}, "Sign in again."),
    ],
)
def test_a_lost_answer_shows_its_question_again(admin, answer, said):
    page = admin
    page.goto(NAMES)
    questions = page.locator(".question").count()
    first = page.locator(".question:visible figcaption").first.inner_text()
    with held(page, lambda route: route.fulfill(**answer)):
        page.keyboard.press("y")
        page.keyboard.press("s")
    expect(page.locator("#review .problem")).to_have_text(f"{said} The question is shown again.")
    expect(page.locator(".question:visible figcaption").first).to_have_text(first)
    expect(page.locator(".count")).to_contain_text("0 decisions made")
    page.keyboard.press("s")
    # The question that was skipped meanwhile does not return.
    assert page.locator(".question.past:not(:visible)").count() == 2
    assert page.locator(".question:not(.past)").count() == questions - 2


def test_a_decision_that_another_one_preceded_does_not_count(admin):
    page = admin
    page.goto(NAMES)
    with held(page, lambda route: route.fulfill(status=409, json={"message": "Decided meanwhile.", "change": None})):
        page.keyboard.press("y")
    expect(page.locator("#review .problem")).to_have_text("Decided meanwhile.")
    expect(page.locator(".count")).to_contain_text("0 decisions made")
    expect(page.locator(".question").first).to_be_hidden()


def test_shortcuts_can_be_turned_off(admin):
    page = admin
    page.goto(NAMES)
    page.get_by_label("Keyboard shortcuts").uncheck()
    page.reload()
    page.keyboard.press("s")
    expect(page.locator(".question").first).to_be_visible()
    page.get_by_label("Keyboard shortcuts").check()
    page.locator("h1").click()
    page.keyboard.press("s")
    expect(page.locator(".question").first).to_be_hidden()


def test_a_name_that_was_typed_before_the_script_came_has_suggestions(admin):
    page = admin
    with held(page, address="**/library.js*"):
        page.goto("/library/groups/1", wait_until="commit")
        page.get_by_label("Name (new or known)").fill("Quxw Zzyzx")
    expect(page.get_by_role("button", name="New person “Quxw Zzyzx”")).to_be_visible()


def test_a_group_is_named_with_progress(admin):
    page = admin
    page.goto("/library/groups")
    page.get_by_role("link", name="4 faces").click()
    page.get_by_label("Name (new or known)").fill("Quxw Zzyzx")
    expect(page.get_by_role("button", name="New person “Quxw Zzyzx”")).to_be_visible()
    page.get_by_role("button", name="Name group").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Is this Quxw Zzyzx?", timeout=SECONDS)
    page.get_by_role("button", name="Name without adding faces").click()
    expect(page.get_by_role("status")).to_contain_text("4 faces confirmed as Quxw Zzyzx. None was enrolled.")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="4 faces")).to_be_visible()


def test_new_faces_are_grouped(admin):
    page = admin
    page.goto("/library/groups")
    page.get_by_role("button", name="Group new faces").click()
    expect(page.get_by_text("0 new groups. 0 faces joined earlier groups.")).to_be_visible(timeout=SECONDS)


def test_the_review_works_without_javascript(browser, server, admin):
    context = browser.new_context(base_url=server.address, java_script_enabled=False)
    page = context.new_page()
    sign_in(page)
    page.goto(NAMES)
    page.get_by_role("button", name="No").click()
    expect(page.get_by_role("status").first).to_contain_text("1 face marked as not ")
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_role("status").first).to_contain_text("Undone:")
    context.close()
