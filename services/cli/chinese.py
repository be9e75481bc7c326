"""What the command line says, in Chinese.

A key is the English sentence, of help texts the paragraph, that it stands for.
"""

from services.cli.chinese_cases import CASES
from services.cli.chinese_words import ANSWERS

_HELP = {
    "追溯 Zhuisu: where did a unit come from, what else is affected, and where is it now.": (
        "追溯 Zhuisu：一件产品从何而来，还有哪些受影响，现在都在哪里。"
    ),
    "Settings are environment variables, ZHUISU_…; ZHUISU_URL and ZHUISU_KEY say which service is asked, as whom.\n"
    "Exit codes: 0 done, 1 refused by the service, 2 called wrongly, 3 not reachable or not ready.\n"
    "Begin with: zhuisu demo": (
        "设置一律用环境变量 ZHUISU_…；ZHUISU_URL 与 ZHUISU_KEY 指明访问哪个服务、以谁的身份。\n"
        "退出码：0 完成，1 被服务拒绝，2 命令用法有误，3 连不上或尚未就绪。\n"
        "从这里开始：zhuisu demo"
    ),
    "Start everything in one process tree, with a PostgreSQL of its own, until Ctrl-C.": (
        "启动全部服务（自带 PostgreSQL，同一进程树），直到按 Ctrl-C。"
    ),
    "ZHUISU_DATABASE_URL names another server, ZHUISU_BOOTSTRAP_KEY gives the first key its value.": (
        "ZHUISU_DATABASE_URL 可指定别的数据库服务器，ZHUISU_BOOTSTRAP_KEY 给定第一个密钥的值。"
    ),
    "Start the service, post a demo factory through its API, show its answers, recall a bad lot, and go on serving.": (
        "启动服务，通过接口写入演示工厂的事件，显示正反两向的追溯结果，召回问题批次，并继续提供服务。"
    ),
    "Again on the same --data-dir, the same events come again, and change nothing.": (
        "在同一个 --data-dir 上再次运行时，相同的事件会再次写入，结果不变。"
    ),
    "Send a file of events; without FILE, run the ingest service as a process of its own.": (
        "发送一个事件文件；不给 FILE 时，单独运行采集服务进程。"
    ),
    "A sheet needs no mapping if its headings are fields: kind, time, product, lot, serial, quantity, uom, site, or "
    "any\npath such as inputs[0].item.lot. A row that is sent again is recognised: its id is its content, unless a "
    "column\nevent_id gives one. Otherwise a mapping file says which column is which:": (
        "表头若就是字段名，则无需映射：kind、time、product、lot、serial、quantity、uom、site，或任意路径，"
        "如 inputs[0].item.lot。\n重复发送的行会被识别：除非 event_id 列给出编号，否则以内容为编号。"
        "表头不是字段名时，用映射文件说明哪列对应哪个字段："
    ),
    'event.kind = "material_received", columns."Lot No" = "item.lot", options.zone = "+08:00"': (
        'event.kind = "material_received"，columns."批号" = "item.lot"，options.zone = "+08:00"'
    ),
    "What was exposed to a machine, tool, line, person, supplier or parameter in a time window.": (
        "某段时间内，哪些产品经过了某台设备、工装、产线、人员、供应商或工艺参数。"
    ),
    "Where a thing is, who has it and how it stands; with --contents what it holds.": (
        "某件物品在哪里、在谁手上、状态如何；加 --contents 显示其内装物。"
    ),
    "Which items are there: by a part of a number, a lot, a supplier's lot, a product.": (
        "查找追溯单元：按编号片段、批号、供应商批号或产品。"
    ),
    "What came in of a lot, what went out, what is there, and what nobody accounts for; or the same of an order.": (
        "某批次进了多少、出了多少、还剩多少、多少去向不明；也可查询订单。"
    ),
    "Every event that ever named a thing, in the order it happened; voided ones too.": (
        "涉及某件物品的全部事件，按发生顺序排列，含已作废的。"
    ),
    "Whether the service is ready, part by part, and how far its answers are behind. Ends with 3 if it is not.": (
        "服务各部分是否就绪、查询结果落后多少事件。未就绪时退出码为 3。"
    ),
    "Build all views anew from the event log beside the live ones, and swap them in. The service may go on running.": (
        "依据事件日志在旁边重建全部视图，完成后整体切换。期间服务可照常运行。"
    ),
    "It works on the database and log that settings name, as the service itself does.": (
        "与服务本身一样，使用设置中指定的数据库和日志。"
    ),
    "Bring the database up to this version, and make the tenant and its admin key if they are not there.": (
        "把数据库升级到本版本；若还没有租户及其管理员密钥，则一并创建。"
    ),
    "Run it once before the processes of a distributed installation.": "分布式部署时，先运行一次，再启动各进程。",
    "Run a projector: it keeps the views, as many side by side as the log has partitions.": (
        "运行投影进程：负责更新视图；日志有几个分区，就可以并行运行几个。"
    ),
    "Needs ZHUISU_DATABASE_URL, and with ZHUISU_LOG=kafka ZHUISU_KAFKA_BOOTSTRAP_SERVERS.": (
        "需要 ZHUISU_DATABASE_URL；ZHUISU_LOG=kafka 时还需要 ZHUISU_KAFKA_BOOTSTRAP_SERVERS。"
    ),
    "Run the query service as a process of its own, as many side by side as you like.": (
        "单独运行查询服务进程，可并行运行任意多个。"
    ),
    "Run the cases service: commands on recalls, and the jobs that follow; as many side by side as you like.": (
        "运行案件服务进程：召回指令及其后续任务，可并行运行任意多个。"
    ),
    "Needs ZHUISU_DATABASE_URL.": "需要 ZHUISU_DATABASE_URL。",
    "Trace a unit back to its sources, or a lot forward to all it reached.": (
        "逆向溯源：查一件产品的来源；正向追踪：查一个批次的去向。"
    ),
    "Where did it come from? Every part, lot and supplier's lot behind a unit.": (
        "逆向溯源：它从何而来？列出其所有零部件、批次和供应商批次。"
    ),
    "What is affected, where is it now, who has it, and how sure is that?": (
        "正向追踪：哪些受影响，现在在哪里，在谁手上，有多确定？"
    ),
    "API keys: who may post, read, correct, recall and administer.": "接口密钥：谁可以写入、查询、更正、召回和管理。",
    "Make a key. Its value is shown once and kept nowhere.": "创建密钥。其值只显示一次，不在任何地方保存。",
    "All keys, revoked ones too, without their values.": "全部密钥（含已吊销的），不显示其值。",
    "Take a key back; it ends everywhere within seconds.": "吊销密钥，数秒内处处失效。",
    "Who a party is and how to reach them: kept apart from the log, and erasable.": (
        "联系方式：某个编号是谁、如何联系。与事件日志分开保存，可彻底删除。"
    ),
    "How to reach some parties. That you read it is recorded.": "查看若干方的联系方式。查看行为会被记录。",
    "Say how to reach a party; what was there before is replaced.": "登记某一方的联系方式；原有内容被替换。",
    "Forget how to reach a party, for good. Who did so and when is kept.": (
        "彻底删除某一方的联系方式。谁在何时删除会留有记录。"
    ),
    "Store the contacts of a file; what is wrong is told by row, and the rest is stored.": (
        "导入文件中的联系方式；有误的行逐行指出，其余照常保存。"
    ),
    "A sheet has the columns party, name, phones, emails, address, language, note; several phones are divided by ;": (
        "表格的列为 party、name、phones、emails、address、language、note；多个电话用 ; 分隔"
    ),
    "Events that could not be applied: see why, send them again, or settle them.": (
        "无法应用的事件：查看原因，重新发送，或注明理由结案。"
    ),
    "Say that nobody waits for one any more: it stays on the list, and answers are complete again.": (
        "声明某条记录不再处理：它仍保留在清单中，查询结果恢复完整。"
    ),
    "Records that could not be applied, each with where it is in the log and why.": (
        "无法应用的记录，逐条列出其在日志中的位置和原因。"
    ),
    "Send one to the log again, at a new position: answers about the past do not change.": (
        "将其以新位置重新写入日志：对过去时点的查询结果不变。"
    ),
}

_OPTIONS = {
    "The lot's id.": "批次编号。",
    "In place of a lot: this order …": "不查批次，改查此订单……",
    "… at this site.": "……位于此工厂。",
    "Share that may be missing, 0 to 1; else 0.001.": "允许差额占比，0 到 1；默认 0.001。",
    "name a lot, or --order with --site": "请给出批次编号，或同时给出 --order 与 --site",
    "Install completion for the current shell.": "为当前 shell 安装命令补全。",
    "Show completion for the current shell, to copy it or customize the installation.": (
        "显示当前 shell 的命令补全脚本。"
    ),
    "Show this message and exit.": "显示本帮助并退出。",
    "Options": "选项",
    "Arguments": "参数",
    "Commands": "命令",
    "en or zh; else what the locale says.": "en 或 zh；不指定时依系统语言。",
    "TCP port to serve on; 0 takes a free one.": "服务的 TCP 端口；0 表示任取空闲端口。",
    "Folder of the embedded database.": "内置数据库所在文件夹。",
    "small (1,000 units), medium, large, huge, or a number of units.": (
        "small（1,000 件）、medium、large、huge，或件数。"
    ),
    "The same seed gives the same factory.": "相同的种子生成相同的工厂。",
    "End after the answers.": "显示结果后结束。",
    "postgres; or kafka: several processes on real Kafka.": "postgres；或 kafka：在真实 Kafka 上以多进程运行。",
    "What to send: .ndjson, .json, EPCIS .json, .csv, .tsv or .xlsx, also .gz.": (
        "要发送的文件：.ndjson、.json、EPCIS .json、.csv、.tsv 或 .xlsx，也可以是 .gz。"
    ),
    "Run the ingest service; so does leaving FILE out.": "运行采集服务；不给 FILE 也是如此。",
    "TOML file: which column is which field.": "TOML 文件：哪列对应哪个字段。",
    "Seconds to go on trying while the service is away.": "服务不可用时持续重试的秒数。",
    "Send it compressed.": "压缩后发送。",
    "Address of the service.": "服务地址。",
    "API key.": "接口密钥。",
    "Answer as JSON, for scripts.": "以 JSON 输出，供脚本使用。",
    "The state at this time, e.g. 2026-03-01T08:00:00+08:00.": "该时刻的状态，如 2026-03-01T08:00:00+08:00。",
    "As known then: a position (0-1234) or a time.": "以当时所知为准：日志位置（0-1234）或时间。",
    "ever, as_built or as_maintained.": "ever（曾经）、as_built（出厂时）或 as_maintained（维护后）。",
    "How many rows the table shows; 0 for all.": "表格显示多少行；0 表示全部。",
    "Wait until this position is in the answer.": "等到结果包含该日志位置。",
    "As a tree by level, not a table.": "按层级显示为树，而非表格。",
    "One or more ids: a URI, EPC URN or GS1 Digital Link.": "一个或多个编号：URI、EPC URN 或 GS1 Digital Link。",
    "Walk containment as a link too.": "把装箱关系也当作链路追溯。",
    "Made on this machine.": "在该设备上生产。",
    "Made with this tool.": "使用该工装生产。",
    "Made on this line.": "在该产线上生产。",
    "Made by this operator.": "由该操作员生产。",
    "Inspected with this instrument.": "用该仪器检验。",
    "Made at this site.": "在该场所生产。",
    "Of lots received from this supplier.": "来自该供应商的进料批次。",
    "Of received lots of this material.": "该物料的进料批次。",
    "Made by this recipe.": "按该配方生产。",
    "Of the recipe: this version.": "该配方的这一版本。",
    "Made in this cavity of a mould.": "在模具的该型腔中成型。",
    "Made in this shift.": "在该班次生产。",
    "Of the machine: while something was mounted here.": "该设备的此站位装有物料期间。",
    "Made with this engineering change.": "按此工程变更生产。",
    "Made without that change.": "未按该工程变更生产。",
    "Only while the instrument was out of tolerance, as far as known.": "仅限该仪器（据现有记录）超差期间。",
    "What this calibration (its event id) makes suspect.": "该次校准（事件编号）使哪些产品存疑。",
    "A parameter of process, store or transport: NAME, NAME>=5, NAME<=9, NAME=5..9.": (
        "工艺、仓储或运输参数：NAME、NAME>=5、NAME<=9、NAME=5..9。"
    ),
    "Start of the time window.": "时间段的开始。",
    "End of the time window, not included.": "时间段的结束（不含）。",
    "Its id; a part of an id lists what is near it.": "其编号；只给一部分时列出相近的编号。",
    "Show what it holds.": "显示其内装物。",
    "Its id.": "其编号。",
    "The party's id, as events name it.": "对方的编号，与事件中的写法一致。",
    "One or more parties, as events name them.": "一个或多个编号，与事件中的写法一致。",
    "Their name.": "姓名或名称。",
    "A phone number; repeat for several.": "电话号码；可重复给出多个。",
    "An e-mail address; repeat for several.": "电子邮箱；可重复给出多个。",
    "Their postal address.": "通信地址。",
    "The language they read, e.g. zh-CN.": "所用语言，如 zh-CN。",
    "A note.": "备注。",
    "A .csv, .ndjson or .json file, also .gz.": ".csv、.ndjson 或 .json 文件，也可以是 .gz。",
    "A part of a serial or lot number, or an id.": "序列号或批号的一部分，或完整编号。",
    "This lot number.": "该批号。",
    "This lot number of a supplier, and ours for it.": "供应商的该批号，以及我方对应的批号。",
    "That supplier's only.": "仅限该供应商。",
    "Of this product: its id, GTIN or your name of it.": "属于该产品：其编号、GTIN 或自有名称。",
    "unit, lot, class or container.": "unit（单件）、lot（批次）、class（产品）或 container（容器）。",
    "At most so many.": "最多显示多少项。",
    "What the key is called.": "密钥的名称。",
    "capture, correct, read, recall or admin; repeat for several.": (
        "capture、correct、read、recall 或 admin；可重复给出多个。"
    ),
    "What its events say they come from; else the name.": "其事件所注明的来源；不给则用名称。",
    "A site it may see; repeat for several; none: all.": "可见的场所；可重复给出多个；不给则全部可见。",
    "Zone of times without offset, e.g. Asia/Shanghai.": "无时差的时间所属时区，如 Asia/Shanghai。",
    "Its number in `zhuisu keys list`.": "`zhuisu keys list` 中的编号。",
    "Its position in `zhuisu dead-letters list`, e.g. 0-1234.": "`zhuisu dead-letters list` 中的位置，如 0-1234。",
    "Why nobody waits for it, e.g. that it was sent again under another id.": (
        "不再处理的理由，如已用另一编号重新发送。"
    ),
}

_TOLD = {
    "Example: ": "示例：",
    "{error}": "{error}",
    "{line}": "{line}",
    "Zhuisu is up: {url}  (API description: {url}/docs)": "Zhuisu 已启动：{url}（接口说明：{url}/docs）",
    "Key: {key}": "密钥：{key}",
    "URL: {url}": "地址：{url}",
    "Post events to: {url}": "事件写入地址：{url}",
    "Serving until Ctrl-C.": "服务运行中，按 Ctrl-C 结束。",
    "Posting the demo factory": "正在写入演示工厂的事件",
    "Building the views": "正在生成视图",
    "{accepted} events accepted, {duplicate} duplicates": "已接收 {accepted} 个事件，其中识别出重复 {duplicate} 个",
    "A bike failed in the field: where did it come from?": "一辆车在使用中出了故障：它从何而来？（逆向溯源）",
    "A cell lot is bad: what is affected, where is it now, who has it?": (
        "一个电芯批次有问题：哪些受影响，现在在哪里，在谁手上？（正向追踪）"
    ),
    "zhuisu trace back {item}": "zhuisu trace back {item}",
    "zhuisu trace forward {item}": "zhuisu trace forward {item}",
    "A reel of transistors is bad, and no board names its reel: which bikes have it?": (
        "一盘晶体管有问题，而电路板上没有记录料盘：哪些整车装了它？"
    ),
    "Why: boards derive from what was mounted on their feeder while they were made; those beside the splice are"
    " possible, since it is known to {doubt} boards only. The factory knows: {truly} bikes have it, {found} of them"
    " are named, {certain} bikes as certain.": (
        "依据：电路板生产时供料器上装着什么料，就由什么料制成；接料点前后的板为“可能”，"
        "因为接料位置只精确到 {doubt} 块板。"
        "工厂的实情：{truly} 辆装有该料盘的料，其中 {found} 辆已列出，{certain} 辆为“确定”。"
    ),
    "What a tester let through that was out of tolerance: {command}": "超差的测试仪放行了哪些产品：{command}",
    "The factory knows: {truly} bikes have cells of this lot; the answer has {found} of them,"
    " and {more} that the record cannot rule out.": (
        "工厂的实情：有 {truly} 辆车用了该批次的电芯；结果中有其中 {found} 辆，另有 {more} 辆依记录无法排除。"
    ),
    "The database is at this version": "数据库已是本版本",
    "zhuisu {role} needs ZHUISU_DATABASE_URL: the database that all roles share": (
        "zhuisu {role} 需要 ZHUISU_DATABASE_URL：各进程共用的数据库"
    ),
    "--size {size} is none of {sizes}, and no number of units": "--size {size} 既不是 {sizes} 之一，也不是件数",
    "--log {log}: postgres or kafka": "--log {log}：应为 postgres 或 kafka",
    "--serve runs the service: leave {file} out, or --serve": "--serve 用于运行服务：请去掉 {file} 或 --serve",
    "{name} is no setting": "{name} 不是任何设置",
    "; did you mean {near}?": "；是否想用 {near}？",
    "Asking {url} …": "正在访问 {url} …",
    "{url} does not answer ({why}): start it with zhuisu up, or give --url": (
        "{url} 没有响应（{why}）：请用 zhuisu up 启动，或用 --url 指定地址"
    ),
    "event {number}": "第 {number} 个事件",
    "did you mean {item}": "是否想查 {item}",
    "{url}: ready, {behind} events behind": "{url}：已就绪，落后 {behind} 个事件",
    "{url}: NOT READY": "{url}：未就绪",
    "say what they were exposed to: --equipment, --line, --supplier … (see --help)": (
        "请说明经过了什么：--equipment、--line、--supplier …（见 --help）"
    ),
    "--parameter {text}: write NAME>=5, NAME<=9 or NAME=5..9": (
        "--parameter {text}：应写作 NAME>=5、NAME<=9 或 NAME=5..9"
    ),
    "Key {id} for {name}, shown this once:": "{name} 的密钥 {id}，只显示这一次：",
    "Key {id} is revoked": "密钥 {id} 已吊销",
    "There are more: narrow the search, or raise --limit": "还有更多：请缩小查找范围，或调大 --limit",
    "There is no contact of {party}": "没有 {party} 的联系方式",
    "The contact of {party} is stored": "{party} 的联系方式已保存",
    "The contact of {party} is erased": "{party} 的联系方式已彻底删除",
    "{file}: contacts come as .csv, .ndjson or .json": "{file}：联系方式文件应为 .csv、.ndjson 或 .json",
    "{count} contacts stored": "已保存 {count} 条联系方式",
    "{count} put aside": "搁置 {count} 条",
    "{shown} of {total} are listed, those first that wait": "共 {total} 条，列出 {shown} 条，待处理的在前",
    "{position} is settled: {reason}": "{position} 已结案：{reason}",
    "Answers of their tenants are incomplete (parked) until each is sent again (zhuisu dead-letters replay, "
    "after an upgrade) or settled with a reason (zhuisu dead-letters settle)": (
        "在每条记录重新发送（升级后 zhuisu dead-letters replay）或注明理由结案（zhuisu dead-letters settle）之前，"
        "其租户的查询结果均标记为不完整（parked）"
    ),
    "The views were built anew from {count} records, and are in place": "已依据 {count} 条记录重建视图，并已切换",
    "{old} is in the log again at {new}": "{old} 已重新写入日志，新位置 {new}",
    "Rebuilding the views": "正在重建视图",
    "{position} is not one position: it looks like 0-1234": "{position} 不是单个位置：应形如 0-1234",
    "the service did not take row {row} and what follows within {seconds} s: {detail}. "
    "Send the file again: what is in already is recognised": (
        "服务在 {seconds} 秒内未接收第 {row} 行及其后内容：{detail}。请重新发送该文件：已写入的会被识别"
    ),
    "{accepted} accepted, {duplicate} duplicates, {rejected} rejected": (
        "接收 {accepted} 条，重复 {duplicate} 条，拒绝 {rejected} 条"
    ),
    "The document is captured …": "文档正在采集 …",
    "In the log up to {position}: --wait-for {position} sees it all": (
        "已写入日志至 {position}：--wait-for {position} 可见全部"
    ),
    "Captured, but not visible yet: ask {job}": "已采集，但尚不可见：请查询 {job}",
    "The document is captured": "文档已采集",
    "The document was refused": "文档被拒绝",
    "success": "成功",
    "Sending {name}": "正在发送 {name}",
    "row {row}, {column}": "第 {row} 行，{column} 列",
    "row {row}": "第 {row} 行",
    "more errors are counted, not listed": "其余错误只计数，不逐条列出",
}

CHINESE: dict[str, str] = {**CASES, **_HELP, **_OPTIONS, **_TOLD, **ANSWERS}
