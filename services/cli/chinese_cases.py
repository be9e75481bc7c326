"""What the command line says of recalls, incidents and drills, in Chinese. Keys as in chinese.py."""

_HELP = {
    "Recalls, from suspicion to closure: scope, freeze, approve, notify, account, close.": (
        "召回全过程：划定范围、冻结、批准、通知、核算、结案。"
    ),
    "Major quality incidents: reported, with clocks, linked to items and recalls.": (
        "重大质量事故：上报、时限，与产品及召回案件关联。"
    ),
    "Open a case. A draft is turned live when it is decided.": "立案。草案在作出决定后转为正式召回。",
    "Say what is affected, as a rule that people can read.": "用可读的规则说明受影响范围。",
    "What a freeze would hold now, with counts and cost. Nothing is changed.": (
        "预览此刻冻结会包含哪些产品、数量与开销。不作任何改动。"
    ),
    "Freeze what is affected as known now: the set is stored, and never computed again.": (
        "按此刻所知冻结受影响清单：清单存档，此后不再重算。"
    ),
    "Approve the frozen set, with another key than froze it: holds and alerts follow.": (
        "批准已冻结的清单（须用另一人的密钥）：随后自动扣留并告警。"
    ),
    "Correct what the case says of itself; --mode live turns a draft into a recall.": (
        "更正案件说明；--mode live 把草案转为正式召回。"
    ),
    "Stop active recall (停止积极召回); the case stays open for what is outstanding.": (
        "停止积极召回；仍有未追回的产品时案件不结。"
    ),
    "Close the case. With units outstanding it takes a reason for that, too.": (
        "结案。仍有未追回的产品时，还须说明其原因。"
    ),
    "Open a closed case again.": "重新打开已结案的案件。",
    "All recalls, newest first.": "全部召回案件，新的在前。",
    "How a case stands, and who did what, when and why.": "案件现状，以及谁在何时因何做了什么。",
    "The frozen set, each member with what brought it in.": "冻结清单，逐一列出因何入列。",
    "What came in or would go out since the freeze, by later or corrected events.": (
        "冻结之后，因迟到或更正的事件而新增或应移出的产品。"
    ),
    "Why an item is affected, step by step; or why not, and what came nearest.": (
        "某件产品为何受影响（逐步说明）；或为何不受影响，以及最接近的情形。"
    ),
    "What happened to held items, and what came in: as it was noticed.": (
        "已扣留产品的动向与新增产品的告警，按发现顺序。"
    ),
    "Where every affected unit is: each in exactly one bucket, and the sum closes.": (
        "每件受影响产品的去向：各归一类，合计相符。"
    ),
    "Who got affected items, who passed them on, and what they said.": "谁收到了受影响产品、转给了谁、如何答复。",
    "What the law asks of the case and by when: due, met, overdue.": "法规对本案的要求与时限：待办、已办、逾期。",
    "Which open recalls a unit is under, as anybody may ask.": "某件产品涉及哪些进行中的召回；任何人均可查询。",
    "Write a report to a file: the same bytes for the same as-of point. Without a name: which there are.": (
        "把报告写成文件：同一时点逐字节相同。不给名称时列出有哪些报告。"
    ),
    "Write the offline pack: lists, contacts and notices, for when systems are down.": (
        "导出离线资料包：清单、联系方式与通知，供系统停用时使用。"
    ),
    "What must not move: holds placed and released, as WMS and marketplaces read them.": (
        "禁止流转清单：扣留与解除，供 WMS 与电商平台读取。"
    ),
    "Record that consignees were notified: all that `--to` means, one, or those of a file.": (
        "登记已通知的收货方：`--to` 所指的全部、某一个，或文件中所列。"
    ),
    "Who has answered already is recorded with the answer: zhuisu recall respond … --reached-by phone.": (
        "已先行答复的收货方随答复一并登记：zhuisu recall respond … --reached-by phone。"
    ),
    "Who answers was told before (zhuisu recall notify); else --reached-by records how they were told, too.": (
        "答复者应已收到通知（zhuisu recall notify）；否则用 --reached-by 随答复登记告知方式。"
    ),
    "What of an approved recall is or was at the sites of your key, and what to do: for stores and plants.": (
        "已批准的召回中，本密钥所限地点现有或曾有哪些产品、应如何处置：供门店与工厂使用。"
    ),
    "A key limited to sites (zhuisu keys create … --site SHOP-01) sees its own items alone, another key all of them.": (
        "限定地点的密钥（zhuisu keys create … --site SHOP-01）只看到自己的产品，其他密钥看到全部。"
    ),
    "Record what consignees say of their items, what came back, and which remedy it got.": (
        "登记收货方的答复、追回的产品及其补救措施。"
    ),
    "Report a major quality incident: the clocks of first, stage and final reports run from when it was known.": (
        "上报重大质量事故：首报、续报与终报的时限自知悉之时起算。"
    ),
    "Record that a report went to an authority: it is kept with batch and known flow as the trace has them.": (
        "登记已向主管部门报告：连同追溯所得的批次与已知流向一并存档。"
    ),
    "Close the incident.": "事故结案。",
    "How an incident stands, and what is due.": "事故现状与待办时限。",
    "All incidents, newest first.": "全部事故，新的在前。",
    "Run a mock recall: a lot picked by seed, both traces and the mass balance, timed; the result is kept.": (
        "召回演练：按种子抽取一个批次，执行正反两向追溯与物料平衡并计时，结果存档。"
    ),
}

_OPTIONS = {
    "The case's id.": "案件编号。",
    "The case's id; or give a rule.": "案件编号；或直接给出规则。",
    "The case's id; left out: one is made.": "案件编号；不给则自动生成。",
    "Why: it is kept with the act.": "原因，与操作一并存档。",
    "Who does it; else the key's source.": "操作人；不给则为密钥的来源。",
    "The scope rule as JSON, or @FILE that holds it.": "范围规则（JSON），或含有该规则的 @文件。",
    "A lot that is bad; repeat for several.": "有问题的批次；可重复给出多个。",
    "What it is about, in a few words.": "简要标题。",
    "draft, live or mock: an exercise, which holds nothing.": (
        "draft（草案）、live（正式）或 mock（演练，不作扣留）。"
    ),
    "live: the draft is decided.": "live：草案已作出决定。",
    "The product, for people.": "产品名称。",
    "What can happen to people.": "可能造成的人身危害。",
    "What is wrong with it.": "缺陷是什么。",
    "A regime whose clocks run, e.g. recall-cn-consumer; repeat for several.": (
        "适用的法规时限，如 recall-cn-consumer；可重复给出多个。"
    ),
    "set, widened or narrowed.": "set（设定）、widened（扩大）或 narrowed（缩小）。",
    "Until the set is whole.": "等到清单完整为止。",
    "Why it is closed although units are outstanding.": "仍有未追回产品而结案的原因。",
    "A unit that turned up; repeat for several.": "又出现的产品；可重复给出多个。",
    "Top units only, as a regulator counts.": "仅顶层产品（监管口径）。",
    "The file to write; else named after the report.": "要写入的文件；不给则按报告命名。",
    "csv, xlsx or json.": "csv、xlsx 或 json。",
    "Which report; left out: which there are.": "报告名称；不给则列出有哪些。",
    "Only what is newer than this cursor or position.": "仅显示此游标或位置之后的内容。",
    "direct (accounts), accounts (all but owners) or all.": (
        "direct（直接客户）、accounts（除最终用户外）或 all（全部）。"
    ),
    "The consignee's id, as events name it.": "收货方编号，与事件中的写法一致。",
    "By which means, e.g. e-mail, registered letter, phone.": "通知方式，如电子邮件、挂号信、电话。",
    "When; else now.": "时间；不给则为现在。",
    "A .csv, .ndjson, .json or .xlsx file, a row each.": ".csv、.ndjson、.json 或 .xlsx 文件，每行一条。",
    "Units or lots that it is about.": "涉及的产品或批次。",
    "acknowledged, on_hand, recovered, remedied, unreachable, sold, lost, verdict …": (
        "acknowledged（已确认）、on_hand（在手）、recovered（追回）、remedied（已补救）、unreachable（联系不上）、"
        "sold（已售）、lost（遗失）、verdict（检验结论）等。"
    ),
    "So much of a lot that has no serials.": "无序列号批次的数量。",
    "Unit of measure of the quantity; none: pieces.": "数量的计量单位；不给则为件。",
    "label, repair, replace, refund, destroy or software_update.": (
        "label（警示标签）、repair（修理）、replace（更换）、refund（退货）、"
        "destroy（销毁）或 software_update（软件升级）。"
    ),
    "affected, inspected_clear, repairable or scrap.": (
        "affected（受影响）、inspected_clear（检验合格）、repairable（可修）或 scrap（报废）。"
    ),
    "Why somebody cannot be reached, e.g. exported.": "联系不上的原因，如 exported（已出口）。",
    "How they were told just now, e.g. phone, visit: for who answers before any notice went out.": (
        "当场告知的方式，如电话、上门：用于尚未发出通知即先答复的收货方。"
    ),
    "What happened, in a few words.": "简述发生了什么。",
    "When it became known: the clocks start then.": "知悉时间：时限自此起算。",
    "Where it happened.": "发生地点。",
    "Who or what was harmed.": "人员或财产损害。",
    "A unit or lot it is about; repeat for several.": "涉及的产品或批次；可重复给出多个。",
    "A recall it is linked to; repeat for several.": "关联的召回案件；可重复给出多个。",
    "first, province, stage or final.": "first（首报）、province（报省）、stage（续报）或 final（终报）。",
    "What shows it, e.g. the number of a receipt.": "凭据，如回执编号。",
    "Picks the lot; left out: a random one, which is kept.": "决定抽取哪个批次；不给则随机，并存档。",
    "This lot, whatever the seed.": "指定批次，不按种子抽取。",
    "Run none: show those that were run.": "不执行演练，只显示历次结果。",
}

_TOLD = {
    "name the case, or give a --rule or a --lot": "请给出案件编号，或 --rule、--lot",
    "say what is affected: --rule or --lot": "请说明受影响范围：--rule 或 --lot",
    "--rule: {error}": "--rule：{error}",
    "--rule is no JSON: {error}": "--rule 不是 JSON：{error}",
    "Freezing {case} …": "正在冻结 {case} …",
    "{done} members stored": "已保存成员 {done}",
    "{recall} ({mode}): {state} – {title}": "{recall}（{mode}）：{state} – {title}",
    "{incident}: {state} – {title}": "{incident}：{state} – {title}",
    "Freeze {number}: {state}, as known at {position}{detail}": (
        "第 {number} 次冻结：{state}，以位置 {position} 时所知为准{detail}"
    ),
    "Freeze {number}: {state}, as known at {position}: {top_units} top units, {loose_spares} loose spares,"
    " {members} members ({certain} certain, {possible} possible), SHA-256 {sha256}": (
        "第 {number} 次冻结：{state}，以位置 {position} 时所知为准："
        "顶层产品 {top_units} 件，散装备件 {loose_spares} 件，"
        "共 {members} 项（确定 {certain}，可能 {possible}），SHA-256 {sha256}"
    ),
    "Approved by {who}": "批准人：{who}",
    "{members} members: {top_units} top units, {units} units, {lots} lots; {certain} certain, {possible} possible": (
        "共 {members} 项：顶层产品 {top_units} 件，单件 {units}，批次 {lots}；确定 {certain}，可能 {possible}"
    ),
    "--reached-by is about one consignee: name them with --consignee; a file has a column for it": (
        "--reached-by 只针对一个收货方：请用 --consignee 指明；文件中另有 reached_by 一列"
    ),
    "This recall is closed": "该召回已结案",
    "Hazard: {told}": "危害：{told}",
    "What to do: {told}": "应采取的措施：{told}",
    "Ask: {told}": "联系方式：{told}",
    "Nothing of it is or was here, as far as the record says": "据记录，本地点现在和过去都没有受影响的产品",
    "There are more: --rows 0 shows all": "还有更多：--rows 0 显示全部",
    "Population {population}, outstanding {outstanding}, recalled {recalled} ({of_planned} of planned,"
    " {of_sold} of sold)": (
        "总数 {population}，未追回 {outstanding}，已召回 {recalled}（占计划 {of_planned}，占已售 {of_sold}）"
    ),
    "Loose spares {population}: {told}": "散装备件 {population}：{told}",
    "sum": "合计",
    "not begun": "未开始",
    "nobody named": "未记名",
    "yes": "是",
    "no": "否",
    "{recall}: {title}": "{recall}：{title}",
    "No open recall is on record for {item}": "{item} 没有进行中的召回记录",
    "{target} cannot be written: {error}": "无法写入 {target}：{error}",
    "{target}: {bytes} bytes": "{target}：{bytes} 字节",
    "say who was told and how: --to or --consignee, with --how; or --file": (
        "请说明通知了谁、如何通知：--to 或 --consignee，加 --how；或用 --file"
    ),
    "say what came back: --response, or --file": "请说明答复内容：--response，或 --file",
    "--quantity is of one lot: name it": "--quantity 针对单个批次：请给出该批次",
    "{file}: rows come as .csv, .ndjson, .json or .xlsx": "{file}：应为 .csv、.ndjson、.json 或 .xlsx",
    "{count} rows recorded, {rejected} rejected": "登记 {count} 行，拒绝 {rejected} 行",
    "The case was closed: it is open again": "案件原已结案，现已重新打开",
    "{which} {runs}: {seconds} s (median), {share} accounted for": (
        "{which} {runs} 次：{seconds} 秒（中位数），去向明确 {share}"
    ),
    "newest": "最近",
    "before": "之前",
    "The lot is recalled: frozen, approved, held, answered, accounted for": "召回该批次：冻结、批准、扣留、答复、核算",
    "zhuisu recall preview {case}": "zhuisu recall preview {case}",
    "zhuisu recall account {case}": "zhuisu recall account {case}",
    "Holds are placed: {feed} tells WMS and marketplaces what must not move": (
        "已扣留：WMS 与电商平台可由 {feed} 得知哪些禁止流转"
    ),
    "Alert {alert}: {item}": "告警 {alert}：{item}",
    "all of them": "全部",
    "Next time: --since {cursor}": "下次查询：--since {cursor}",
    "{added} came in, {withdrawn} would go out, {pending} of them undecided; up to {position}": (
        "新增 {added}，应移出 {withdrawn}（其中 {pending} 待决定）；核查至 {position}"
    ),
    "{changed} stand otherwise than before: {became_certain} became certain, {became_possible} only possible": (
        "{changed} 个成员情况有变：{became_certain} 个转为确定，{became_possible} 个转为可能"
    ),
    "{now}, was {before}": "{now}（原为{before}）",
    "Careful: {warning}": "注意：{warning}",
    # headings
    "decision": "决定",
    "came in": "新增",
    "would go out": "应移出",
    "stands otherwise": "情况有变",
    "became certain": "转为确定",
    "came to the set": "新增受影响",
    "shipped": "已发运",
    "used": "已使用",
    "undecided": "待决定",
    "to be kept": "保留",
    "to be removed": "移出",
    "recall": "召回",
    "mode": "性质",
    "state": "状态",
    "title": "标题",
    "opened at": "立案时间",
    "top units": "顶层产品",
    "number": "序号",
    "act": "操作",
    "by": "操作人",
    "at": "时间",
    "reason": "原因",
    "from": "来自",
    "bucket": "去向",
    "duty": "要求",
    "to": "对象",
    "due": "期限",
    "source": "依据",
    "consignee": "收货方",
    "direct": "直接客户",
    "units": "件数",
    "still there": "现存",
    "notified": "通知时间",
    "acknowledged": "确认时间",
    "report": "报告",
    "formats": "格式",
    "hold": "扣留",
    "change": "变化",
    "incident": "事故",
    "drill": "演练",
    "affected": "受影响",
    "sources": "来源",
    "accounted for": "去向明确",
    "seconds": "秒",
    "alert": "告警",
    "event": "事件",
    # codes
    "draft": "草案",
    "live": "正式",
    "mock": "演练",
    "opened": "已立案",
    "scoped": "已划定范围",
    "freezing": "冻结中",
    "the views do not have everything up to its position yet": "视图尚未处理到所定位置",
    "the links of all items are read into memory": "正在把所有物项的关联读入内存",
    "the scope is walked": "正在追溯范围",
    "frozen": "已冻结",
    "failed": "失败",
    "executing": "执行中",
    "active recall stopped": "已停止积极召回",
    "closed": "已结案",
    "open": "进行中",
    "met": "已办",
    "met late": "逾期办理",
    "overdue": "逾期",
    "placed": "扣留",
    "held": "扣留",
    "released": "解除",
    "in process": "在制",
    "with consignee": "在收货方",
    "exported": "已出口",
    "inspected and cleared": "检验合格",
    "remedied": "已补救",
    "scrapped before the recall": "召回前已报废",
    "lost": "遗失",
    "unreachable": "联系不上",
    "unknown": "未知",
    "described": "更正说明",
    "asked for a freeze": "请求冻结",
    "freeze failed": "冻结失败",
    "listed the frozen set": "列出冻结清单",
    "approved": "批准",
    "placed holds": "扣留",
    "released holds": "解除扣留",
    "reopened": "重新打开",
    "the set changed": "清单变化",
    "evaluated anew": "重新核查",
    "decided on a removal": "决定是否移出",
    "responded": "答复",
    "recovered": "追回",
    "gave a verdict": "给出检验结论",
    "drew a sample": "抽样",
    "checked effectiveness": "有效性检查",
    "a clock started": "时限起算",
    "a duty was done": "要求已办",
    "reminded": "提醒",
}

CASES: dict[str, str] = {**_HELP, **_OPTIONS, **_TOLD}
