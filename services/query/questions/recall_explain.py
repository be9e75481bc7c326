"""GET /v1/recalls/{id}/explain: why an item is affected, or what came nearest (docs/recall.md 'Explaining')."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.cases import acts
from domain.cases.recall import RecallCase
from domain.ids import ItemId
from services.access import Caller
from services.problems import Problem
from services.query.asking import known_parameters
from services.query.case_acts import refuse_limited
from services.query.questions.recalls import recall_asked
from services.query.rules import rule_of
from services.query.snapshot import Asked, Questions
from services.query.why_in import label, path_of, stored
from services.query.why_not import Judged, WhyNot

_SURE = {"certain": "确定", "possible": "可能"}


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter(tags=["recalls"])
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/recalls/{case_id}/explain")
    async def explain(case_id: str, item: str, *, request: Request, caller: reader) -> JSONResponse:
        """Why the item is in the set, by which events; or why not: what leaves it out, and the nearest miss."""
        known_parameters(request, "item", "as_of", "wait_for")
        refuse_limited(caller.sites)
        async with questions.ask(caller, request) as asked:
            case = await recall_asked(asked, case_id)
            document = case.frozen.requested.rule if case.frozen is not None else case.rule
            if document is None:
                raise Problem(409, "no-scope", f"recall {case_id} has no scope yet: POST /v1/recalls/{case_id}/scope")
            found = await asked.item(item)
            member = (await stored(asked, case, [str(found)])).get(str(found))
            approved = case.without_unapproved
            if member is not None:
                told = await _in(asked, case, found, member=member)
            elif (earlier := (await stored(asked, approved, [str(found)])).get(str(found))) is not None:
                told = _not_yet_out(await _in(asked, approved, found, member=earlier))
            else:
                why_not = WhyNot(questions.graphs, questions.settings, asked)
                judged = await why_not.judge(rule_of(document), found)
                older = approved.frozen.requested.rule if approved.frozen is not None else document
                if not judged.affected and older != document:
                    # Until a newer rule is approved, what comes by the approved one is added as well.
                    by_approved = await why_not.judge(rule_of(older), found)
                    judged = by_approved if by_approved.affected else judged
                told = _not_in(found, judged, frozen=case.frozen is not None)
            return JSONResponse({"recall": case_id, "item": found, **told, **asked.frame([])})

    return router


async def _in(asked: Asked, case: RecallCase, item: ItemId, *, member: Mapping[str, Any]) -> dict[str, Any]:
    path = await path_of(asked, case, str(item))
    decision = _decision(case, str(item))
    chain = " ← ".join(step["label"] for step in path)
    events = [e["event_id"] for step in path for e in step["events"]]
    en, zh = f"{chain}, by these events: {', '.join(events)}", f"{chain}，依据事件：{'、'.join(events)}"
    if path and path[-1]["seed"] and len(path) == 1:
        en, zh = f"{chain}: the rule names it", f"{chain}：规则直接列出"
    change = member["change"]
    if change == "withdrawn":
        en += "; later events no longer lead to it, and it stays until somebody decides"
        zh += "；后续事件已不再指向它，决定之前仍保留在召回范围内"
    if change == "changed":
        was, now, number = member["member"]["was"]["certainty"], member["member"]["certainty"], member["number"]
        if was != now:
            en += f"; {now} since evaluation {number}, {was} before"
            zh += f"；自第 {number} 次评估起为{_SURE[now]}，此前为{_SURE[was]}"
        else:
            en += f"; at another level or for other reasons since evaluation {number}"
            zh += f"；自第 {number} 次评估起层级或原因有变"
    removed = decision is not None and decision[0] == "remove"
    if removed and decision is not None:
        en, zh = f"{en}; {decision[1]} removed it: {decision[2]}", f"{zh}；{decision[1]} 已将其移出：{decision[2]}"
    return {
        "affected": not removed,
        "because": "removed" if removed else change,
        "certainty": member["member"]["certainty"],
        "reasons": member["member"].get("reasons", []),
        "path": path,
        "text": {"en": en, "zh": zh},
    }


def _not_yet_out(told: dict[str, Any]) -> dict[str, Any]:
    """Of what the approved set has and a newer one has not: it is in until that one is approved."""
    en = f"{told['text']['en']}; a newer set leaves it out, which nobody approved yet"
    zh = f"{told['text']['zh']}；新的冻结清单不含它，但尚未获批准"
    return told | {"text": {"en": en, "zh": zh}}


def _decision(case: RecallCase, item: str) -> tuple[str, str, str | None] | None:
    """The newest decision on the item: what, who and why."""
    for one in reversed(case.history):
        if isinstance(one.act, acts.RemovalDecided) and item in one.act.items:
            return one.act.decision, one.actor, one.reason
    return None


def _not_in(item: ItemId, judged: Judged, *, frozen: bool) -> dict[str, Any]:
    if judged.affected:
        en = f"{label(item)} is affected by the rule as the record is now"
        zh = f"按目前的记录，{label(item)} 符合规则"
        more = (": it comes into the set with the next evaluation", "，下次评估后进入范围") if frozen else ("", "")
        code = "not_evaluated_yet" if frozen else "not_frozen"
        through = next((leaf.seed for leaf in judged.leaves() if leaf.seed is not None), None)
        return _told(judged, code, (en + more[0], zh + more[1]), affected=not frozen, through=through)
    excluded = _excluded(judged)
    if excluded is not None:
        out = next((leaf for leaf in excluded.leaves() if leaf.affected), excluded)
        by = label(out.seed) if out.seed is not None else out.path
        en = f"{label(item)} would be affected, but {excluded.path} takes it out: it came from {by}"
        zh = f"{label(item)} 本应受影响，但被 {excluded.path} 排除：来源于 {by}"
        return _told(judged, "excluded", (en, zh), excluded_by=out.json())
    misses = [leaf for leaf in judged.leaves() if leaf.miss is not None]
    nearest = min(misses, key=lambda leaf: leaf.miss.distance if leaf.miss is not None else 0.0)
    assert nearest.miss is not None
    en = f"{label(item)} is not affected: {nearest.miss.en}"
    zh = f"{label(item)} 不受影响：{nearest.miss.zh}"
    return _told(judged, nearest.miss.code, (en, zh), nearest=nearest.json())


def _told(judged: Judged, code: str, texts: Sequence[str], *, affected: bool = False, **more: Any) -> dict[str, Any]:
    return {
        "affected": affected,
        "because": code,
        **more,
        "leaves": [leaf.json() for leaf in judged.leaves()],
        "text": {"en": texts[0], "zh": texts[1]},
    }


def _excluded(judged: Judged) -> Judged | None:
    """The exception that the item falls in, wherever in the rule it stands."""
    if judged.excluded_by is not None:
        return judged.excluded_by
    return next((found for part in judged.parts if (found := _excluded(part)) is not None), None)
