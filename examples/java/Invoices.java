import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Prices the orders of an SQS queue, a line of log for each, and names those that it cannot price, so
 * that the queue sends only them again.
 *
 * <p>The handler of Lambda's Java runtimes: {@code Invoices::handleRequest}.
 */
public final class Invoices {
    /** In cents. */
    private static final Map<String, Long> PRICES =
            Map.of("kettle", 3900L, "teapot", 2500L, "mug", 900L);

    public void handleRequest(InputStream in, OutputStream out) throws IOException {
        String event = new String(in.readAllBytes(), StandardCharsets.UTF_8);
        List<Object> failures = new ArrayList<>();
        for (Object record : Json.list(Json.object(Json.parse(event)), "Records")) {
            Map<String, Object> message = Json.object(record);
            try {
                System.out.println("invoice: " + invoice(Json.object(Json.parse(Json.text(message, "body")))));
            } catch (IllegalArgumentException problem) {
                System.out.println("no invoice: " + problem.getMessage());
                failures.add(Map.of("itemIdentifier", Json.text(message, "messageId")));
            }
        }
        out.write(Json.write(Map.of("batchItemFailures", failures)).getBytes(StandardCharsets.UTF_8));
    }

    private static String invoice(Map<String, Object> order) {
        long total = 0;
        for (Object line : Json.list(order, "items")) {
            String item = Json.text(Json.object(line), "item");
            Long price = PRICES.get(item);
            if (price == null) {
                throw new IllegalArgumentException("an item has no price");
            }
            total += price * Json.number(Json.object(line), "quantity");
        }
        Map<String, Object> invoice = new LinkedHashMap<>();
        invoice.put("customer", Json.text(order, "customer"));
        invoice.put("total", total);
        return Json.write(invoice);
    }
}
